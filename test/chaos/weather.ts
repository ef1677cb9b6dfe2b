import type { SeededRandom } from "../support/seeded-random.ts";
import type { TcpProxy } from "../support/tcp-proxy.ts";

/** What the network did to clients. */
export interface WeatherCounts {
  /** Connections cut between any two bytes. */
  cuts: number;
  /** All connections of a process reset at one moment. */
  resets: number;
  /** Times that all bytes of a process stood still for a while. */
  stalls: number;
}

/** The time between two blows, in milliseconds, at most. */
const CALM_MS = 1_000;
/** Bytes that still pass before a cut, at most. */
const CUT_BYTES = 20_000;
/** The longest stall, in milliseconds: longer than a client's patience with a silent server. */
const STALL_MS = 5_000;

/** Bad weather between clients and servers, through the proxies that they are connected by. */
export class Weather implements Disposable {
  readonly counts: WeatherCounts = { cuts: 0, resets: 0, stalls: 0 };
  readonly #proxies: readonly TcpProxy[];
  readonly #random: SeededRandom;
  readonly #stalled = new Map<TcpProxy, NodeJS.Timeout>();
  #timer: NodeJS.Timeout | undefined;

  constructor(proxies: readonly TcpProxy[], random: SeededRandom) {
    this.#proxies = proxies;
    this.#random = random;
    this.#next();
  }

  [Symbol.dispose](): void {
    this.end();
  }

  /** The sun comes out: what stood still moves again. */
  end(): void {
    clearTimeout(this.#timer);
    for (const [proxy, timer] of this.#stalled) {
      clearTimeout(timer);
      proxy.resume();
    }
    this.#stalled.clear();
    for (const proxy of this.#proxies) proxy.cutAfter(null);
  }

  #next(): void {
    this.#timer = setTimeout(() => {
      this.#blow(this.#random.pick(this.#proxies));
      this.#next();
    }, CALM_MS * this.#random.next());
  }

  #blow(proxy: TcpProxy): void {
    const blow = this.#random.weigh({ cuts: 6, resets: 2, stalls: 2 });
    if (blow === "cuts") proxy.cutAfter(this.#random.below(CUT_BYTES));
    else if (blow === "resets") proxy.reset();
    else if (this.#stalled.has(proxy)) return;
    else {
      proxy.stall();
      const resume = (): void => {
        proxy.resume();
        this.#stalled.delete(proxy);
      };
      this.#stalled.set(proxy, setTimeout(resume, STALL_MS * this.#random.next()));
    }
    this.counts[blow]++;
  }
}
