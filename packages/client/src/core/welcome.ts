import { isFields, isText, numberFrom, type Fields } from "./fields.ts";

/** What the client uses of the reply to `connect`. */
export interface Welcome {
  readonly instance: string;
  readonly user: string;
  /** Credential for coming back; undefined: there is none. */
  readonly resume: string | undefined;
  /** Largest command in bytes that the server takes. */
  readonly messageBytes: number;
  /** How long the server remembers a publication id, in milliseconds. */
  readonly windowMs: number;
  /** Identity of that memory. */
  readonly epoch: string;
  /** Server time, in milliseconds since 1970. */
  readonly time: number;
  readonly heartbeatMs: number;
  /** The session ends after this, in milliseconds, unless it is refreshed; 0: it has no end. */
  readonly lifetimeMs: number;
}

/** Reads the reply to `connect`. Throws when what names the instance or the idempotency memory is missing. */
export function readWelcome({ instance, user, resume, limits, idempotency, ...rest }: Fields): Welcome {
  const { messageBytes } = isFields(limits) ? limits : {};
  const { windowMs, epoch } = isFields(idempotency) ? idempotency : {};
  if (!isText(instance) || !isText(user) || !isText(epoch)) throw new Error("Expected instance, user and epoch.");
  return {
    instance,
    user,
    resume: isText(resume) ? resume : undefined,
    messageBytes: numberFrom(messageBytes, 0, Infinity),
    windowMs: numberFrom(windowMs, 0, 0),
    epoch,
    time: numberFrom(rest["time"], 0, 0),
    // Less than a second would be a storm of pongs.
    heartbeatMs: numberFrom(rest["heartbeatMs"], 1000, 25_000),
    lifetimeMs: numberFrom(rest["lifetimeMs"], 0, 0),
  };
}
