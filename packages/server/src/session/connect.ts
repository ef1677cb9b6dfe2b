import type { Limits } from "../core/limits.ts";
import type { Admitted } from "../policy/admission.ts";
import type { Fields } from "./command.ts";
import type { SessionHost } from "./host.ts";

/** What a connect command brought. */
export interface ConnectInput {
  readonly ticket: string | null;
  readonly resume: string | null;
  readonly contract: number | null;
}

/** Longest credential that is looked at. */
const CREDENTIAL_MAX = 256;

/** Reads a connect command, or says in a sentence what is wrong with it. */
export function readConnect({ ticket, resume, contract }: Fields): ConnectInput | string {
  const credential = ticket ?? resume;
  if ((ticket === undefined) === (resume === undefined)) return "Expected exactly one of ticket and resume.";
  if (typeof credential !== "string" || credential.length > CREDENTIAL_MAX)
    return "Expected a credential of at most 256 characters.";
  if (contract !== undefined && typeof contract !== "number") return "Expected contract to be a version.";
  return {
    ticket: ticket === undefined ? null : credential,
    resume: resume === undefined ? null : credential,
    contract: contract ?? null,
  };
}

/** What every connect is told alike, put together once. */
export class ConnectTerms {
  readonly #limits: Limits;
  #epoch: string | null = null;
  #text = "";

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Fields of a result, with a comma behind each. A store that was put back has another epoch. */
  text(idempotencyEpoch: string): string {
    if (this.#epoch === idempotencyEpoch) return this.#text;
    const { messageBytes, channelsPerSession, pageItems, idempotencyWindowMs, heartbeatMs } = this.#limits;
    this.#epoch = idempotencyEpoch;
    this.#text = [
      `"features":[],"limits":{"messageBytes":${messageBytes},"channels":${channelsPerSession},"historyPage":${pageItems}},`,
      `"idempotency":{"windowMs":${idempotencyWindowMs},"epoch":${JSON.stringify(idempotencyEpoch)}},`,
      `"heartbeatMs":${heartbeatMs},`,
    ].join("");
    return this.#text;
  }
}

/**
 * The result of a connect that succeeded, as JSON text; `ConnectResult` of the protocol has its fields. Ids and credentials
 * have an alphabet that needs no escaping.
 */
export function connectResult(session: string, admitted: Admitted, host: SessionHost): string {
  const { instance, user, resume, now, lifetimeMs } = admitted;
  const terms = host.connectTerms.text(host.idempotencyEpoch);
  return (
    `{"session":"${session}","instance":"${instance}","user":${JSON.stringify(user.id)},"resume":"${resume}",` +
    `${terms}"time":${now}${lifetimeMs === null ? "" : `,"lifetimeMs":${lifetimeMs}`}}`
  );
}
