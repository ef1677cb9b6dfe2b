/**
 * Starts something for its first holder and stops it some time after the last one let go. The time is what makes it
 * safe under StrictMode, which mounts twice, and for a change of route, which unmounts one page before the next mounts.
 */
export class Lifeline {
  readonly #start: () => void;
  readonly #stop: () => void;
  readonly #lingerMs: number;
  #holders = 0;
  #isAlive = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(lingerMs: number, start: () => void, stop: () => void) {
    this.#start = start;
    this.#stop = stop;
    this.#lingerMs = lingerMs;
  }

  /** True from `start` to `stop`. */
  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Holds on; the result lets go, once. */
  hold(): () => void {
    this.#holders++;
    clearTimeout(this.#timer);
    if (!this.#isAlive) {
      this.#isAlive = true;
      this.#start();
    }
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      if (--this.#holders === 0) this.#timer = setTimeout(() => this.#end(), this.#lingerMs);
    };
  }

  #end(): void {
    this.#isAlive = false;
    this.#stop();
  }
}
