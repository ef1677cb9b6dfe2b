import { CarillonError, payloadProblem, validate, type Contract, type Json, type OutputOf } from "@carillon/protocol";
import type { Payload } from "../backplane/records.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { NodeHooks } from "../node.ts";
import { NO_GRANT, resolveGrant, type Grant, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Identity } from "../session/host.ts";
import type { CarillonOptions, UserSchema } from "./options.ts";

/** What the adapters need of the server. */
export interface HookContext<C extends Contract, U extends UserSchema> {
  readonly options: CarillonOptions<C, U>;
  readonly ports: Ports;
  readonly limits: Limits;
  readonly logger: Logger;
}

type Rule = (context: object) => Grant | boolean | Promise<Grant | boolean>;
type Handler = (context: object) => unknown;

/**
 * Between the application, whose functions may be asynchronous, throw and hang, and the synchronous core, which gets
 * exactly one answer to each question. Whatever the application does wrong denies, and is logged.
 */
export function applicationHooks<C extends Contract, U extends UserSchema>(context: HookContext<C, U>): NodeHooks {
  const { options, logger } = context;
  const rules = new Map<string, Rule>(Object.entries(options.authorize ?? {}) as [string, Rule][]);
  const handlers = new Map<string, Handler>(Object.entries(options.calls ?? {}) as [string, Handler][]);
  return {
    authorize: (identity, target, done) => authorize(context, rules.get(target.pattern), identity, target, done),
    validate: (target, value, done) => validatePayload(context, target, value, done),
    call: (identity, name, input, done) => runCall(context, handlers.get(name), identity, name, input, done),
    connected: (identity, subscribe) => {
      const { connected } = options;
      if (connected === undefined) return;
      const user = identity.user as OutputOf<U>;
      settle(
        () => connected({ user, instance: identity.instance }),
        (result) => subscribe(result?.subscribe ?? []),
        (error) => logger.error("The connected hook failed.", { error: String(error) }),
      );
    },
  };
}

/** Checks a value against a target's schema and makes a payload of what the schema puts out. */
export function validatePayload<C extends Contract, U extends UserSchema>(
  context: HookContext<C, U>,
  target: Target,
  value: unknown,
  done: (payload: Payload | CarillonError) => void,
): void {
  const refuse = (problem: string): void => done(new CarillonError("invalid_data", `Data for "${target.name}": ${problem}`));
  const finish = (result: Awaited<ReturnType<typeof validate>>): void => {
    if (!result.ok) return refuse(result.problem);
    const problem = payloadProblem(result.value);
    if (problem !== null) return refuse(problem);
    done(result.value instanceof Uint8Array ? result.value : JSON.stringify(result.value));
  };
  const result = validate(target.schema, value);
  if (!(result instanceof Promise)) return finish(result);
  withTimeout(context, result, finish, () => done(timeout("The schema")));
}

function authorize<C extends Contract, U extends UserSchema>(
  context: HookContext<C, U>,
  rule: Rule | undefined,
  identity: Identity,
  target: Target,
  done: (grant: ResolvedGrant | CarillonError) => void,
): void {
  if (rule === undefined) return done(NO_GRANT);
  const { user, instance } = identity;
  const ask = (): ReturnType<Rule> => rule({ user, instance, channel: target.grantedBy, params: target.params });
  settle(
    () => {
      const grant = ask();
      return grant instanceof Promise ? withDeadline(context, grant) : grant;
    },
    (grant) => done(resolveGrant(grant)),
    (error) => {
      if (error instanceof CarillonError) return done(error);
      context.logger.error("An authorize rule failed; nothing was granted.", { pattern: target.pattern, error: String(error) });
      done(NO_GRANT);
    },
  );
}

function runCall<C extends Contract, U extends UserSchema>(
  context: HookContext<C, U>,
  handler: Handler | undefined,
  identity: Identity,
  name: string,
  input: Json,
  done: (output: Json | CarillonError) => void,
): void {
  const spec = new Map(Object.entries(context.options.contract.calls)).get(name);
  if (spec === undefined || handler === undefined) {
    return done(new CarillonError("unknown_call", `Expected a call of the contract, "${name}" is none.`));
  }
  const run = async (): Promise<Json> => {
    const valid = await validate(spec.input, input);
    if (!valid.ok) throw new CarillonError("invalid_data", `Input of ${name}: ${valid.problem}`);
    const output = await handler({ input: valid.value, user: identity.user, instance: identity.instance });
    const checked = await validate(spec.output, output);
    const problem = checked.ok ? payloadProblem(checked.value) : checked.problem;
    if (!checked.ok || problem !== null) throw new Error(`Output of ${name}: ${problem}`);
    return checked.value as Json;
  };
  settle(
    () => withDeadline(context, run()),
    done,
    (error) => {
      if (error instanceof CarillonError) return done(error);
      context.logger.error("A call failed.", { call: name, error: String(error) });
      done(new CarillonError("internal", `The call ${name} failed; the server's log says how.`));
    },
  );
}

/** Runs `work`; its result or failure is handed over once, at once if it is not a promise. */
function settle<T>(work: () => T | Promise<T>, done: (value: T) => void, failed: (error: unknown) => void): void {
  let result: T | Promise<T>;
  try {
    result = work();
  } catch (error) {
    return failed(error);
  }
  if (result instanceof Promise) result.then(done, failed);
  else done(result);
}

function withDeadline<C extends Contract, U extends UserSchema, T>(context: HookContext<C, U>, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    withTimeout(context, work.then((value) => () => resolve(value), (error: unknown) => () => reject(error)), (end) => end(), () => reject(timeout("The application")));
  });
}

function withTimeout<C extends Contract, U extends UserSchema, T>(
  { ports, limits }: HookContext<C, U>,
  work: Promise<T>,
  done: (value: T) => void,
  late: () => void,
): void {
  let isOver = false;
  const timer = ports.after(limits.hookTimeoutMs, () => {
    isOver = true;
    late();
  });
  void work.then((value) => {
    timer.cancel();
    if (!isOver) done(value);
  });
}

function timeout(who: string): CarillonError {
  return new CarillonError("timeout", `${who} did not answer in time; send the command again later.`);
}
