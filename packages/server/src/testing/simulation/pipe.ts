import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";

/** Settings of a {@link Pipe}. */
export interface PipeOptions {
  readonly world: World;
  /** Asked for each piece: how long it is under way. */
  readonly delayMs: () => number;
  /** Bytes that may be under way at once; more wait at the sender. */
  readonly windowBytes: number;
  /** Takes what arrives, in order. */
  readonly arrive: (bytes: Uint8Array) => void;
  /** The sender got rid of bytes. */
  readonly taken?: () => void;
}

interface Piece {
  readonly bytes: Uint8Array | null;
  /** What happens behind all bytes: the end of the stream. */
  readonly end: (() => void) | null;
  hasArrived: boolean;
}

/**
 * One direction of a connection: bytes in order, some of them under way. It can stall, lose everything silently, and
 * break at any byte.
 */
export class Pipe {
  takenBytes = 0;
  readonly #options: PipeOptions;
  /** At the sender: not yet under way. */
  #queue: Uint8Array[] = [];
  #takenOfFirst = 0;
  #flight: Piece[] = [];
  #flightBytes = 0;
  #end: (() => void) | null = null;
  #lastAtMs = 0;
  #isPaused = false;
  #isStalled = false;
  #isBroken = false;
  #isHanding = false;
  /** Bytes of the buffers at the sender, each in full until all of it is under way. */
  queuedBytes = 0;

  constructor(options: PipeOptions) {
    this.#options = options;
  }

  /** Sends bytes. */
  write(bytes: Uint8Array): void {
    if (this.#isBroken || bytes.byteLength === 0) return;
    this.#queue.push(bytes);
    this.queuedBytes += bytes.byteLength;
    this.#fill();
  }

  /** Ends the stream: `end` is called behind everything that was sent. */
  finish(end: () => void): void {
    if (this.#isBroken) return;
    this.#end = end;
    this.#fill();
  }

  /** The receiver does not read: what arrives waits, and fills the window. */
  pause(): void {
    this.#isPaused = true;
  }

  /** The receiver reads on: what has arrived is handed over at once. */
  resume(): void {
    this.#isPaused = false;
    this.#hand();
  }

  /** Nothing gets through, and nobody is told. */
  stall(): void {
    this.#isStalled = true;
  }

  /** It gets through again, what waited first. */
  flow(): void {
    this.#isStalled = false;
    this.#hand();
  }

  /** Breaks at some byte of what is under way: a random part of it still arrives, then `end`. Without `random`: nothing. */
  cut(random: SimulatedRandom | null, end: () => void): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    this.#queue = [];
    this.queuedBytes = 0;
    // A reader that has stopped reading does not read the rest of a broken stream either.
    let left = random === null || this.#isPaused ? 0 : random.int(0, this.#flightBytes);
    const kept: Piece[] = [];
    for (const piece of this.#flight) {
      if (piece.bytes === null || left === 0) break;
      const bytes = piece.bytes.subarray(0, left);
      kept.push({ ...piece, bytes });
      left -= bytes.byteLength;
    }
    this.#flight = [];
    this.#isStalled = false;
    this.#isPaused = false;
    for (const { bytes } of kept) if (bytes !== null) this.#options.arrive(bytes);
    end();
  }

  #fill(): void {
    const { windowBytes } = this.#options;
    let first = this.#queue[0];
    while (first !== undefined && this.#flightBytes < windowBytes) {
      const length = Math.min(first.byteLength - this.#takenOfFirst, windowBytes - this.#flightBytes);
      this.#launch(first.subarray(this.#takenOfFirst, this.#takenOfFirst + length), null);
      this.takenBytes += length;
      this.#takenOfFirst += length;
      if (this.#takenOfFirst < first.byteLength) return;
      this.#takenOfFirst = 0;
      this.queuedBytes -= first.byteLength;
      this.#queue.shift();
      first = this.#queue[0];
    }
    if (first !== undefined || this.#end === null) return;
    const end = this.#end;
    this.#end = null;
    this.#launch(null, end);
  }

  #launch(bytes: Uint8Array | null, end: (() => void) | null): void {
    const { world, delayMs } = this.#options;
    const piece: Piece = { bytes, end, hasArrived: false };
    this.#flight.push(piece);
    this.#flightBytes += bytes?.byteLength ?? 0;
    // One piece never overtakes another.
    this.#lastAtMs = Math.max(this.#lastAtMs, world.nowMs + delayMs());
    world.after(this.#lastAtMs - world.nowMs, () => {
      piece.hasArrived = true;
      this.#hand();
    });
  }

  #hand(): void {
    if (this.#isHanding) return;
    this.#isHanding = true;
    while (!this.#isPaused && !this.#isStalled && this.#flight[0]?.hasArrived === true) {
      const piece = this.#flight.shift();
      const bytes = piece?.bytes ?? null;
      if (bytes !== null) {
        this.#flightBytes -= bytes.byteLength;
        this.#options.arrive(bytes);
        this.#fill();
        this.#options.taken?.();
      }
      piece?.end?.();
    }
    this.#isHanding = false;
  }
}
