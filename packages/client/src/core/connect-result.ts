import type { ConnectResult } from "@carillon/protocol";
import { isFields, isText, numberFrom, type Fields } from "./fields.ts";

/** Reads the reply to `connect`. Throws when what names the instance or the idempotency memory is missing. */
export function readConnectResult(ok: Fields): ConnectResult {
  const { session, instance, user, resume, features, time, lifetimeMs } = ok;
  const limits = isFields(ok["limits"]) ? ok["limits"] : {};
  const idempotency = isFields(ok["idempotency"]) ? ok["idempotency"] : {};
  if (!isText(instance) || !isText(user) || !isText(idempotency["epoch"])) throw new Error("Expected a connect reply.");
  return {
    session: String(session),
    instance,
    user,
    ...(isText(resume) ? { resume } : {}),
    features: Array.isArray(features) ? features.filter(isText) : [],
    limits: {
      messageBytes: numberFrom(limits["messageBytes"], 0, Infinity),
      channels: numberFrom(limits["channels"], 0, Infinity),
      historyPage: numberFrom(limits["historyPage"], 1, 1),
    },
    idempotency: { windowMs: numberFrom(idempotency["windowMs"], 0, 0), epoch: idempotency["epoch"] },
    time: numberFrom(time, 0, 0),
    // Less than a second would be a storm of heartbeats, or a hostile server.
    heartbeatMs: numberFrom(ok["heartbeatMs"], 1000, 25_000),
    ...(typeof lifetimeMs === "number" ? { lifetimeMs } : {}),
  };
}
