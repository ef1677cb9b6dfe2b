import {
  CarillonError,
  isJson,
  jsonProblem,
  payloadProblem,
  validate,
  type CallSpec,
  type Contract,
  type Json,
  type Validation,
} from "@carillon/protocol";
import type { Payload } from "../backplane/records.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { NodeHooks } from "../node.ts";
import { NO_GRANT, resolveGrant, type Grant, type ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Identity } from "../session/host.ts";
import type { CarillonOptions, UserSchema } from "./options.ts";
import { isPromise, settle, settleLater, type Deadline } from "./settle.ts";

/** What the adapters need of the server. */
export interface HookContext<C extends Contract, U extends UserSchema> {
  readonly options: CarillonOptions<C, U>;
  readonly ports: Ports;
  readonly limits: Limits;
  readonly logger: Logger;
}

/**
 * Between the application, whose functions may be asynchronous, throw and hang, and the synchronous core, which gets
 * exactly one answer to each question. Whatever the application does wrong denies, and is logged.
 */
export function applicationHooks<C extends Contract, U extends UserSchema>(context: HookContext<C, U>): NodeHooks {
  const { options, logger } = context;
  const rules = new Map<string, unknown>(Object.entries(options.authorize ?? {}));
  const handlers = new Map<string, unknown>(Object.entries(options.calls ?? {}));
  const calls = new Map<string, CallSpec>(Object.entries(options.contract.calls));
  return {
    authorize: (identity, target, done) => authorize(context, rules.get(target.pattern), identity, target, done),
    validate: (target, value, done) => validatePayload(context, target, value, done),
    call: (identity, name, input, done) =>
      runCall(context, { name, spec: calls.get(name), handler: handlers.get(name) }, identity, input, done),
    connected: ({ user, instance }, subscribe) => {
      const { connected } = options;
      if (connected === undefined) return;
      settle(
        context,
        () => connected({ user, instance }),
        (result) => subscribe(result?.subscribe ?? []),
        (error) => logger.error("The connected hook failed.", { error: String(error) }),
      );
    },
  };
}

/** Checks a value against a target's schema and makes a payload of what the schema puts out. */
function validatePayload(
  context: Deadline,
  target: Target,
  value: unknown,
  done: (payload: Payload | CarillonError) => void,
): void {
  const result = validate(target.schema, value);
  // Most schemas answer at once, and each publish asks one: functions are made for those alone that don't.
  if (!isPromise(result)) return done(outcomeOf(target, result));
  settleLater(
    context,
    result,
    (later) => done(outcomeOf(target, later)),
    (error) => done(error instanceof CarillonError ? error : invalid(target, "The schema failed on this value.")),
  );
}

function outcomeOf(target: Target, result: Validation<unknown>): Payload | CarillonError {
  return result.ok ? payloadOf(target, result.value) : invalid(target, result.problem);
}

function payloadOf(target: Target, value: unknown): Payload | CarillonError {
  const problem = payloadProblem(value);
  if (problem !== null) return invalid(target, problem);
  return value instanceof Uint8Array ? value : JSON.stringify(value);
}

function invalid(target: Target, problem: string): CarillonError {
  return new CarillonError("invalid_data", `Data for "${target.name}": ${problem}`);
}

function authorize<C extends Contract, U extends UserSchema>(
  context: HookContext<C, U>,
  rule: unknown,
  identity: Identity,
  target: Target,
  done: (grant: ResolvedGrant | CarillonError) => void,
): void {
  if (typeof rule !== "function") return done(NO_GRANT);
  let grant: Grant | boolean | Promise<Grant | boolean>;
  try {
    // oxlint-disable-next-line typescript/no-unsafe-call, typescript/no-unsafe-assignment -- The options' type says what a rule is.
    grant = rule(new RuleContext(identity, target));
  } catch (error) {
    return done(refusalOf(context, target, error));
  }
  // Most rules answer at once, and each subscribe asks one: functions are made for those alone that don't.
  if (!isPromise(grant)) return done(resolveGrant(grant));
  settleLater(
    context,
    grant,
    (later) => done(resolveGrant(later)),
    (error) => done(refusalOf(context, target, error)),
  );
}

/** What a rule that failed grants: nothing, unless it said why itself. */
function refusalOf(
  { logger }: { readonly logger: Logger },
  target: Target,
  error: unknown,
): ResolvedGrant | CarillonError {
  if (error instanceof CarillonError) return error;
  logger.error("An authorize rule failed; nothing was granted.", { pattern: target.pattern, error: String(error) });
  return NO_GRANT;
}

/**
 * What a rule is asked with. Few rules look at the parameters, and to take a name apart costs more than most rules. A
 * class, because an object with a getter of its own is built anew, property by property, each time.
 */
class RuleContext {
  readonly user: Identity["user"];
  readonly instance: string;
  readonly channel: string;
  readonly #target: Target;

  constructor({ user, instance }: Identity, target: Target) {
    this.user = user;
    this.instance = instance;
    this.channel = target.grantedBy;
    this.#target = target;
  }

  get params(): Target["params"] {
    return this.#target.params;
  }
}

/** A call as a client names it; without a spec or handler when there is none. */
interface NamedCall {
  readonly name: string;
  readonly spec: CallSpec | undefined;
  readonly handler: unknown;
}

function runCall(
  context: Pick<HookContext<Contract, UserSchema>, "ports" | "limits" | "logger">,
  { name, spec, handler }: NamedCall,
  { user, instance }: Identity,
  input: unknown,
  done: (output: Json | CarillonError) => void,
): void {
  if (spec === undefined || typeof handler !== "function") {
    return done(new CarillonError("unknown_call", `Expected a call of the contract, "${name}" is none.`));
  }
  const output = (checked: Validation<unknown>): Json => {
    if (!checked.ok) throw new Error(`Output of ${name}: ${checked.problem}`);
    if (!isJson(checked.value)) throw new Error(`Output of ${name}: ${jsonProblem(checked.value)}`);
    return checked.value;
  };
  const run = (): Json | Promise<Json> =>
    whenDone(validate(spec.input, input), (valid) => {
      if (!valid.ok) throw new CarillonError("invalid_data", `Input of ${name}: ${valid.problem}`);
      // oxlint-disable-next-line typescript/no-unsafe-call -- The options' type says what a handler is.
      const result: unknown = handler({ input: valid.value, user, instance });
      return whenDone(result, (value) => whenDone(validate(spec.output, value), output));
    });
  settle(context, run, done, (error) => {
    if (error instanceof CarillonError) return done(error);
    context.logger.error("A call failed.", { call: name, error: String(error) });
    done(new CarillonError("internal", `The call ${name} failed; the server's log says how.`));
  });
}

/** Goes on with what work comes to: at once if it is no promise, since promises and their timers cost more than most calls. */
function whenDone<T, R>(work: T | Promise<T>, next: (value: T) => R | Promise<R>): R | Promise<R> {
  return isPromise(work) ? goOn(work, next) : next(work);
}

async function goOn<T, R>(work: Promise<T>, next: (value: T) => R | Promise<R>): Promise<R> {
  return next(await work);
}
