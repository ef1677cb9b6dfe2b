import { RETRYABLE_CODES } from "@carillon/protocol";
import type { AppendRequest, AppendResult, Failure } from "./channel-store.ts";

/**
 * The refusals that every store has in common: one sentence for one mistake, whatever the store.
 */

/** A publish behind one that has to be sent again first (P2). */
export const OUT_OF_ORDER: Failure = {
  ok: false,
  code: "out_of_order",
  message: "An earlier publish to the channel failed; send that one again first.",
};

/** The id already stands for something else. */
export function reused(id: string): Failure {
  return {
    ok: false,
    code: "id_reused",
    message: `Expected the data first published as "${id.slice(0, 64)}", got other data. Use a new id.`,
  };
}

/** The attempt that is repeated was made under another memory of ids, or too long ago to be checked (P3). */
export function epochChanged(): Failure {
  const message = "Expected a repetition within the idempotency window and epoch of its first attempt, it came later.";
  return { ok: false, code: "epoch_changed", message };
}

/** No more publication ids can be remembered. */
export function tooManyIds(): Failure {
  return {
    ok: false,
    code: "overloaded",
    message: "Too many publication ids are remembered; publish again later.",
  };
}

/** The publication to amend is not retained, or never was. */
export function unknownPublication(target: string): Failure {
  const message = `Expected the id of a retained publication, "${target.slice(0, 64)}" is not one.`;
  return { ok: false, code: "unknown_publication", message };
}

/** The publication to amend is another user's. */
export function notYourPublication(): Failure {
  return {
    ok: false,
    code: "not_owner",
    message: "Expected a publication of your own, this one is another user's.",
  };
}

/** The channel exists, and is of the other kind. */
export function wrongKind(channel: string, expected: "log" | "state"): Failure {
  return {
    ok: false,
    code: "wrong_kind",
    message: `Expected a ${expected} channel, "${channel}" is of the other kind.`,
  };
}

/** The store holds as many credentials as it may. */
export function tooManyCredentials(max: number): Failure {
  return {
    ok: false,
    code: "overloaded",
    message: `The store holds all of its ${max} credentials; try again later.`,
  };
}

/**
 * The order of one batch of appends: once one failed in a way that invites a repetition, those behind it in the same
 * channel and scope are refused, or they would overtake it (P2).
 */
export class BatchOrder {
  /** Null while nothing has failed, as nearly always. */
  #failed: Set<string> | null = null;

  /** The result of the request: `out_of_order`, or what `append` comes to. */
  run(request: AppendRequest, append: (request: AppendRequest) => AppendResult | null): AppendResult | null {
    const result = this.#failed?.has(laneOf(request)) === true ? OUT_OF_ORDER : append(request);
    if (result !== null && !result.ok && RETRYABLE_CODES.includes(result.code)) {
      this.#failed ??= new Set();
      this.#failed.add(laneOf(request));
    }
    return result;
  }
}

function laneOf({ channel, idempotency }: AppendRequest): string {
  return `${channel}\n${idempotency?.scope ?? ""}`;
}
