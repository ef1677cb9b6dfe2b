import { CarillonError } from "@carillon/protocol";
import type { Change } from "./core/entries.ts";
import type { Publication } from "./core/items.ts";
import type { Cancel } from "./core/ports.ts";

/** Most publications that a loop may be behind. */
const BUFFER_MAX = 1000;

/** What a loop over a channel yields: publications of a log, lists of changes of a state. */
export type IterationValue = Publication | readonly Change[];

/** What a loop listens to. */
export interface IterationSink {
  readonly push: (value: IterationValue) => void;
  /** Ends the loop after what is buffered, with `error` if there is one. */
  readonly end: (error: CarillonError | undefined) => void;
}

/**
 * What a `for await` loop over a channel reads from. A loop that is too slow for a log gets what is buffered and then
 * an `overloaded` error, never a silent hole; one that is too slow for a state gets the latest change of each key.
 * `listen` starts what fills the loop and returns how to stop it.
 */
export async function* iterate(
  listen: (sink: IterationSink) => readonly Cancel[],
): AsyncGenerator<IterationValue, void> {
  const buffer: IterationValue[] = [];
  let isOver = false;
  let error: CarillonError | undefined;
  let wake: Cancel | null = null;
  const end = (cause: CarillonError | undefined): void => {
    if (!isOver) error = cause;
    isOver = true;
    wake?.();
  };
  const push = (value: IterationValue): void => {
    const last = buffer.at(-1);
    if (isOver) return;
    if (last && !("id" in last) && !("id" in value)) buffer[0] = merge(last, value);
    else if (buffer.length < BUFFER_MAX) buffer.push(value);
    else end(new CarillonError("overloaded", `The loop fell ${BUFFER_MAX} publications behind.`));
    wake?.();
  };
  const removals = listen({ push, end });
  try {
    for (;;) {
      for (let value = buffer.shift(); value; value = buffer.shift()) yield value;
      if (error) throw error;
      if (isOver) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    for (const remove of removals) remove();
  }
}

/** Two lists of changes as one: the latest of each key, with what stood before the first. */
function merge(earlier: readonly Change[], later: readonly Change[]): readonly Change[] {
  const changes = new Map(earlier.map((change) => [change.key, change]));
  for (const change of later) {
    const { previous } = changes.get(change.key) ?? change;
    changes.set(change.key, { ...change, previous });
  }
  return [...changes.values()];
}
