import type { SetResult } from "@carillon/protocol";
import { ask } from "./ask.ts";
import type { Instance } from "./core/instance.ts";
import { readOutcome } from "./core/own-entries.ts";
import type { Payload } from "./core/payload.ts";
import type { SetOptions } from "./face.ts";
import { promised } from "./promised.ts";

/**
 * Sets an entry, or removes it if `payload` is null. With `expect` it is a question, which is asked once; otherwise a
 * wish, which outlives the connection.
 */
export function setEntry(
  instance: Instance,
  channel: string,
  key: string | null,
  payload: Payload | null,
  { expect, keep = true, ...options }: SetOptions = {},
): Promise<SetResult> {
  if (expect !== undefined) {
    const command = { cmd: payload ? "set" : "remove", channel, ...(key === null ? {} : { key }), expect };
    return ask(instance, { command, ...(payload ? { payload } : {}), ...options }, readOutcome);
  }
  return promised<SetResult>((settle) => {
    const refusal = instance.refusal();
    if (refusal) settle(refusal);
    else instance.own.wish({ channel, key, payload, keep }, settle);
    return () => {};
  });
}
