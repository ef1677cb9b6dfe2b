import type { BackplaneContext, Timer } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";

/** Between rounds of the watch: what live delivery lost is found in the second round after it, within 2 s (P6). */
const ROUND_MS = 700;
/** Rounds between two comparisons of clocks: about a minute. */
const CLOCK_ROUNDS = 86;
/** Rounds that may fail before the store counts as out of reach, though its connection stands: it may be stopped. */
const FAILURES_MAX = 1;

/** What is done while the store can be reached. */
export interface Rounds {
  /** One look at the store. Rejects if it does not answer. */
  readonly watch: () => Promise<void>;
  readonly compareClocks: () => Promise<void>;
  /** The store can be reached again, or this node was out of touch: nothing that is known can be trusted before this. */
  readonly compare: () => Promise<void>;
  /** Every round, whether the store can be reached or not. */
  readonly tick: (isAvailable: boolean) => void;
}

/**
 * Whether the store can be reached, by its connection and by whether it answers. Looks at it every {@link ROUND_MS}, and
 * tells the node when it is lost and found.
 */
export class Health {
  readonly #broker: Broker;
  readonly #context: BackplaneContext;
  readonly #rounds: Rounds;
  #isAvailable = true;
  #lostAt = 0;
  #failures = 0;
  #count = 0;
  #timer: Timer | null = null;
  #isClosed = false;
  #isDoubtful = false;

  constructor(broker: Broker, context: BackplaneContext, rounds: Rounds) {
    this.#broker = broker;
    this.#context = context;
    this.#rounds = rounds;
    broker.onConnected((isConnected) => (isConnected ? void this.#round() : this.#lost()));
  }

  /** For how long the store can't be reached, in milliseconds; 0: it can. */
  get downMs(): number {
    return this.#isAvailable ? 0 : this.#context.ports.monotonicMs() - this.#lostAt;
  }

  /** This node may have been taken for dead: all is compared with the next look, behind the messages that it missed. */
  compare(): void {
    this.#isDoubtful = true;
    void this.#round();
  }

  /** Begins to look. */
  start(): void {
    if (this.#isClosed) return;
    this.#timer = this.#context.ports.after(ROUND_MS, () => {
      void this.#round().finally(() => this.start());
    });
  }

  /** Stops. */
  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  async #round(): Promise<void> {
    if (this.#isClosed) return;
    this.#rounds.tick(this.#isAvailable);
    try {
      if (!this.#broker.isConnected) await this.#broker.probe();
      await this.#rounds.watch();
      this.#failures = 0;
      if (!this.#isAvailable) this.#found();
      if (this.#isDoubtful) await this.#compare();
      if (++this.#count % CLOCK_ROUNDS === 0) await this.#rounds.compareClocks();
    } catch {
      if (++this.#failures > FAILURES_MAX) this.#lost();
    }
  }

  #lost(): void {
    if (!this.#isAvailable || this.#isClosed) return;
    this.#isAvailable = false;
    this.#lostAt = this.#context.ports.monotonicMs();
    this.#context.sink.available(false);
  }

  #found(): void {
    if (this.#isClosed) return;
    this.#isAvailable = true;
    this.#isDoubtful = true;
    this.#context.sink.available(true);
  }

  /** Again with the next round, if it fails. */
  async #compare(): Promise<void> {
    this.#isDoubtful = false;
    try {
      await this.#rounds.compare();
    } catch (error) {
      this.#isDoubtful = true;
      throw error;
    }
  }
}
