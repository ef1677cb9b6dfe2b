import type { BackplaneContext, OpenBackplane } from "@carillon/server";
import { DEFAULT_LIMITS, type ChannelOptions, type ChannelRecord, type Ports } from "@carillon/server/testing";

/** Log channels of the model. */
export const LOGS: Readonly<Record<string, ChannelOptions>> = {
  "log:small": { kind: "log", historySize: 5, historyTtlMs: 3_000, ttlMs: 0, owned: false },
  "log:none": { kind: "log", historySize: 0, historyTtlMs: 3_000, ttlMs: 0, owned: false },
  "log:large": { kind: "log", historySize: 40, historyTtlMs: 60_000, ttlMs: 0, owned: false },
};
/** State channels of the model. */
export const STATES: Readonly<Record<string, ChannelOptions>> = {
  "state:plain": { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false },
  "state:ttl": { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 700, owned: false },
  "state:owned": { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true },
};
/** All channels of the model. */
export const CHANNELS = { ...LOGS, ...STATES };

/** Small enough to be reached. */
const LIMITS = {
  ...DEFAULT_LIMITS,
  idempotencyWindowMs: 4_000,
  idempotencyEntries: 12,
  stateEntries: 4,
  stateJournal: 6,
  tickets: 4,
};

/** One store under test, with what it said and delivered. */
export class Subject {
  /** What it complained of. */
  readonly errors: string[] = [];
  readonly deliveries = new Map<string, ChannelRecord[]>();
  /** Positions in the order in which they were seen, by channel. */
  readonly positions: string[] = [];
  readonly #epochs = new Map<string, number>();
  readonly #context: BackplaneContext;
  backplane: OpenBackplane | null = null;

  constructor(ports: Ports) {
    this.#context = {
      ports,
      limits: LIMITS,
      logger: { debug: () => {}, info: () => {}, warn: () => {}, error: (message) => this.errors.push(message) },
      faults: new Set(),
      sink: {
        deliver: (channel, _prev, _pos, records) => {
          this.deliveries.set(channel, [...(this.deliveries.get(channel) ?? []), ...records]);
        },
        suspect: () => {},
        available: () => {},
        ownershipLost: () => {},
      },
      onControl: () => {},
    };
  }

  async open(how: (context: BackplaneContext) => Promise<OpenBackplane>): Promise<void> {
    this.backplane = await how(this.#context);
    for (const [channel, options] of Object.entries(CHANNELS)) this.channels.subscribe(channel, options, () => {});
  }

  get channels(): OpenBackplane["channels"] {
    if (this.backplane === null) throw new Error("Expected an open store.");
    return this.backplane.channels;
  }

  get tickets(): OpenBackplane["tickets"] {
    if (this.backplane === null) throw new Error("Expected an open store.");
    return this.backplane.tickets;
  }

  /** What was said, with the store's own epochs counted and its positions remembered. */
  noted(answer: unknown): unknown {
    return JSON.parse(
      JSON.stringify(answer, (name, value: unknown) => {
        if ((name !== "pos" && name !== "prev" && name !== "value") || typeof value !== "string") return value;
        const [epoch = "", offset, tag] = value.split(".");
        if (tag === undefined) return value;
        if (!this.#epochs.has(epoch)) this.#epochs.set(epoch, this.#epochs.size);
        if (this.positions.at(-1) !== value) this.positions.push(value);
        // A tag depends on the millisecond in which an entry ended by itself.
        return `${this.#epochs.get(epoch)}.${offset}`;
      }),
    );
  }
}
