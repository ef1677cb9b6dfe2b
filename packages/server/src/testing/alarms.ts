import type { Timer } from "../core/ports.ts";

/** Something that happens at a moment of a virtual clock. */
interface Alarm {
  readonly atMs: number;
  /** Alarms of one millisecond ring in the order in which they were set. */
  readonly order: number;
  callback: (() => void) | null;
}

/** What is due next. */
export interface DueAlarm {
  readonly atMs: number;
  readonly callback: () => void;
}

/** The alarms of a virtual clock: a binary heap, the next one first. */
export class Alarms {
  readonly #heap: Alarm[] = [];
  #order = 0;

  /** How many are set. */
  get size(): number {
    return this.#heap.reduce((count, { callback }) => count + (callback === null ? 0 : 1), 0);
  }

  /** Sets one. */
  set(atMs: number, callback: () => void): Timer {
    const alarm: Alarm = { atMs, order: this.#order++, callback };
    this.#push(alarm);
    return {
      cancel: () => {
        alarm.callback = null;
      },
    };
  }

  /** When the next is due; null: none is set. A cancelled one counts until its time. */
  get nextMs(): number | null {
    return this.#heap[0]?.atMs ?? null;
  }

  /** Takes the next that is due by a moment; null: none is. */
  takeDue(untilMs: number): DueAlarm | null {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#shift();
      const { atMs, callback } = next;
      if (callback === null) continue;
      next.callback = null;
      return { atMs, callback };
    }
    return null;
  }

  #push(alarm: Alarm): void {
    const heap = this.#heap;
    let index = heap.length;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, alarm)) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = alarm;
  }

  #shift(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = heap[index * 2 + 1];
      const right = heap[index * 2 + 2];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const below = isRight ? right : left;
      if (below === undefined || isBefore(last, below)) break;
      heap[index] = below;
      index = index * 2 + (isRight ? 2 : 1);
    }
    heap[index] = last;
  }
}

function isBefore(one: Alarm, other: Alarm): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order);
}
