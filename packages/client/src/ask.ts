import { CarillonError } from "@carillon/protocol";
import type { Fields } from "./core/fields.ts";
import type { Instance } from "./core/instance.ts";
import type { Cancel } from "./core/ports.ts";
import type { Payload } from "./core/payload.ts";
import type { AskOptions } from "./face.ts";
import { promised } from "./promised.ts";

/** Longest wait for an answer, if the caller says nothing, in milliseconds. */
const TIMEOUT_MS = 30_000;

/** A command that wants an answer. */
export interface Question extends AskOptions {
  readonly command: object;
  readonly payload: Payload | null;
  /** True if asking twice does no harm. Default false. */
  readonly isRepeatable?: boolean;
}

/** Asks the server, and reads its answer with `read`, which throws when it is not well formed. */
export function ask<T>(
  instance: Instance,
  { command, payload, isRepeatable = false, timeoutMs = TIMEOUT_MS, signal }: Question,
  read: (ok: Fields, body?: Uint8Array) => T | CarillonError,
): Promise<T> {
  const start = (settle: (outcome: T | CarillonError) => void): Cancel =>
    instance.asks.ask({ command, payload, isRepeatable, timeoutMs }, (outcome, body) => {
      try {
        settle(outcome instanceof CarillonError ? outcome : read(outcome, body));
      } catch (cause) {
        settle(new CarillonError("bad_message", "Expected carillon.1.", { cause }));
      }
    });
  return promised(instance, start, signal);
}
