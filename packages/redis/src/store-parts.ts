import type { BackplaneContext, Failure } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import type { Bus } from "./bus.ts";
import { failureOf } from "./broker-failure.ts";
import type { IdsEpoch } from "./ids-epoch.ts";
import type { Keys } from "./keys.ts";
import type { Lease } from "./lease.ts";
import { StrangeReply } from "./reply.ts";

/** What the parts of an open store share. */
export interface StoreParts {
  readonly context: BackplaneContext;
  readonly broker: Broker;
  readonly keys: Keys;
  readonly epoch: IdsEpoch;
  readonly lease: Lease;
  /** Knows whether this node has heard of every revocation: before, nothing may be read or delivered (P7). */
  readonly bus: () => Pick<Bus, "isCaughtUp" | "caughtUp">;
  /** A channel without entries in which nothing happened for this long is forgotten. */
  readonly headMs: number;
}

/** The failure for what went wrong; what nobody expected is logged. */
export function explain({ context }: Pick<StoreParts, "context">, error: unknown): Failure {
  const failure = failureOf(error);
  if (failure.code === "internal" || error instanceof StrangeReply || error instanceof TypeError) {
    context.logger.error("Redis could not do what it was asked.", { error: String(error) });
    return { ...failure, code: "internal", message: "Redis could not do what it was asked; its answer is in the log." };
  }
  return failure;
}
