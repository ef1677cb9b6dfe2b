import type { SetResult } from "@carillon/protocol";
import { ask } from "./ask.ts";
import type { Instance } from "./core/instance.ts";
import { readOutcome, setCommand } from "./core/own-entries.ts";
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
    const command = { ...setCommand(channel, key, payload), expect };
    return ask(instance, { command, payload, ...options }, readOutcome);
  }
  return promised<SetResult>(instance, (settle) => {
    instance.own.wish({ channel, key, payload, keep }, settle);
    return null;
  });
}
