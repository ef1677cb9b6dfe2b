import type { Position } from "@carillon/protocol";
import {
  parsePlace,
  type Answer,
  type Backplane,
  type ChannelOptions,
  type ChannelRecord,
  type ControlMessage,
  type OpenBackplane,
  type Page,
  type Snapshot,
} from "@carillon/server/backplane";
import { DEFAULT_LIMITS, type Machine, type Truth, type World } from "@carillon/server/testing";
import { SILENT_LOGGER } from "@carillon/server";

/** What a witness is made of. */
export interface WitnessOptions {
  readonly world: World;
  readonly truth: Truth;
  /** The channels that are watched. */
  readonly channels: ReadonlyMap<string, ChannelOptions>;
  /** The backplane, straight to the server. */
  readonly backplane: Backplane;
  readonly onControl: (message: ControlMessage) => void;
  /** Something that can't be known any more. */
  readonly onBlind: (what: string) => void;
}

/** Everything of a channel at once. */
const WIDE = { items: 100_000, bytes: 1e9 };
/** Between looks whether everything was taken in. */
const LOOK_MS = 2;
const PATIENCE_MS = 15_000;

/**
 * Tells the truth of a real broker: a store of its own, over a connection that nothing befalls, which hears of everything
 * that is stored as every node does. What it missed while the server was down it reads before anybody else may come.
 */
export class Witness {
  readonly #options: WitnessOptions;
  readonly #clock: Machine;
  /** Channels that are read at present; true: there is more to be read. */
  readonly #reading = new Map<string, boolean>();
  #store: OpenBackplane | null = null;
  #tops = new Map<string, Position>();

  constructor(options: WitnessOptions, name: string) {
    this.#options = options;
    this.#clock = options.world.machine(name);
  }

  /** Where each channel stood when it was opened. */
  get tops(): ReadonlyMap<string, Position> {
    return this.#tops;
  }

  /** Connects, and hears of everything from now on. */
  async open(): Promise<void> {
    const { backplane, channels, onControl } = this.#options;
    const opened = await this.#tried(
      () =>
        new Promise<OpenBackplane | Error>((resolve) =>
          backplane.open(
            {
              ports: this.#clock,
              limits: DEFAULT_LIMITS,
              logger: SILENT_LOGGER,
              faults: new Set(),
              sink: {
                deliver: (channel, prev, pos, records) => this.#deliver(channel, prev, pos, records),
                suspect: (channel) => this.#look(channel),
                available: () => {},
                ownershipLost: () => {},
              },
              onControl,
            },
            resolve,
          ),
        ),
    );
    this.#store = opened;
    for (const [channel, options] of channels) {
      this.#tops.set(channel, await this.#ask<Position>((done) => opened.channels.subscribe(channel, options, done)));
    }
  }

  /** Resolves once it knows everything that was stored before the call. */
  async catchUp(): Promise<void> {
    for (const channel of this.#options.channels.keys()) this.#look(channel);
    const { world } = this.#options;
    for (const endMs = world.nowMs + PATIENCE_MS; this.#reading.size > 0;) {
      if (world.nowMs > endMs) throw new Error(`The witness can't read ${[...this.#reading.keys()].join(", ")}.`);
      await new Promise<void>((resolve) => void world.after(LOOK_MS, resolve));
    }
  }

  /** Ends it: from the call on it tells nothing more. */
  async close(): Promise<void> {
    const store = this.#store;
    this.#store = null;
    if (store !== null) await new Promise<void>((resolve) => store.close(resolve));
  }

  #deliver(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    const truth = this.#options.truth.channels.get(channel);
    if (this.#store === null || truth === undefined) return;
    // What was read meanwhile is known, what it leads on from is not: the reader will come by.
    if (this.#reading.has(channel) || prev !== truth.top.pos || records.length === 0) return this.#look(channel);
    this.#commit(channel, prev, pos, records);
  }

  #look(channel: string): void {
    const isReading = this.#reading.has(channel);
    this.#reading.set(channel, isReading);
    if (!isReading) void this.#read(channel);
  }

  async #read(channel: string): Promise<void> {
    try {
      for (let isMore = true; isMore; isMore = this.#reading.get(channel) === true) {
        this.#reading.set(channel, false);
        const isAtTop = await this.#readOn(channel);
        if (!isAtTop) this.#reading.set(channel, true);
      }
    } catch (error) {
      this.#options.world.note(`the witness can't read ${channel}: ${String(error)}`);
    } finally {
      this.#reading.delete(channel);
    }
  }

  /** Reads one page, and resolves to whether it ends at the top. */
  async #readOn(channel: string): Promise<boolean> {
    const { truth, channels, onBlind } = this.#options;
    const known = truth.channels.get(channel);
    const options = channels.get(channel);
    const store = this.#store;
    const after = known?.top.pos ?? null;
    if (known === undefined || options === undefined || store === null || after === null) return true;
    const page = await this.#ask<Page>((done) => store.channels.read({ channel, options, after, bounds: WIDE }, done));
    // Something was told while the page was under way.
    if (known.top.pos !== after || this.#store !== store) return false;
    if (page.gap !== null && page.gap !== "epoch") onBlind(`${channel}: a gap by ${page.gap}`);
    if (page.gap !== null && options.kind === "state") {
      const snapshot = await this.#ask<Snapshot>((done) => store.channels.snapshot(channel, options, done));
      if (this.#store !== store) return false;
      const start = `${snapshot.pos} begins`;
      known.conflated(0, offsetOf(snapshot.pos));
      truth.removed(channel, start);
      this.#commit(channel, start, snapshot.pos, snapshot.records);
      return false;
    }
    if (page.gap !== null) truth.removed(channel, page.prev);
    if (options.kind === "state") known.conflated(offsetOf(page.prev), offsetOf(page.pos));
    if (page.records.length > 0) this.#commit(channel, page.prev, page.pos, page.records);
    return page.atTop;
  }

  #commit(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    const { world, truth } = this.#options;
    // Store time is the time of this machine.
    const ago = (record: ChannelRecord): number => ("at" in record ? Math.max(0, Date.now() - record.at) : 0);
    truth.committed(channel, prev, pos, records, (record) => world.nowMs - ago(record));
  }

  /** Opens it, again if it does not open: all start together, on a machine that is busy with it. */
  async #tried(open: () => Promise<OpenBackplane | Error>): Promise<OpenBackplane> {
    const { world } = this.#options;
    for (const endMs = world.nowMs + PATIENCE_MS; ;) {
      const opened = await open();
      if (!(opened instanceof Error)) return opened;
      if (world.nowMs > endMs) throw opened;
    }
  }

  async #ask<T>(question: (done: (answer: Answer<T>) => void) => void): Promise<T> {
    const answer = await new Promise<Answer<T>>(question);
    if (!answer.ok) throw new Error(`${answer.code}: ${answer.message}`);
    return answer.value;
  }
}

function offsetOf(position: Position): number {
  return parsePlace(position)?.offset ?? 0;
}
