import type { ConnectResult } from "@carillon/protocol";
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

/** The reply to a connect that succeeded. */
export function connectResult(session: string, admitted: Admitted, host: SessionHost): ConnectResult {
  const { limits } = host;
  return {
    session,
    instance: admitted.instance,
    user: admitted.user.id,
    resume: admitted.resume,
    features: [],
    limits: { messageBytes: limits.messageBytes, channels: limits.channelsPerSession, historyPage: limits.pageItems },
    idempotency: { windowMs: limits.idempotencyWindowMs, epoch: host.idempotencyEpoch },
    time: admitted.now,
    heartbeatMs: limits.heartbeatMs,
    ...(admitted.lifetimeMs === null ? {} : { lifetimeMs: admitted.lifetimeMs }),
  };
}
