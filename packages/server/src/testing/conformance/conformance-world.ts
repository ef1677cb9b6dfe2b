import type { Position } from "@carillon/protocol";
import type { BackplaneContext, OpenBackplane } from "../../backplane/backplane.ts";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  Failure,
  HistoryPage,
  Page,
  PageBounds,
  Snapshot,
  StoreSink,
} from "../../backplane/channel-store.ts";
import type { ControlMessage } from "../../backplane/control.ts";
import type { ChannelRecord, Payload } from "../../backplane/records.ts";
import { NO_FAULTS } from "../../core/faults.ts";
import { DEFAULT_LIMITS, type Limits } from "../../core/limits.ts";
import { SILENT_LOGGER } from "../../core/logger.ts";
import type { Ports } from "../../core/ports.ts";
import { answered, appendAll, appendRequest } from "../append-request.ts";
import { VirtualWorld } from "../virtual-world.ts";
import type { ConformanceStore, ConformanceSubject } from "./conformance.ts";

/** What a store delivered at once. */
export interface Delivered {
  readonly channel: string;
  readonly prev: Position;
  readonly pos: Position;
  readonly records: readonly ChannelRecord[];
}

/** A publish without what a test does not care about. */
export type Publish = Partial<Omit<AppendRequest, "done">> & { readonly data?: Payload };
/** A change of state, without what a test does not care about. */
export type Change = Partial<Extract<ApplyRequest["change"], { op: "set" }>> & { readonly key: string };

/** Another node that has the store open. */
export interface AnotherNode {
  readonly backplane: OpenBackplane;
  readonly controls: readonly ControlMessage[];
  close(): Promise<void>;
}

const QUIET: StoreSink = { deliver: () => {}, suspect: () => {}, available: () => {}, ownershipLost: () => {} };

/** How long a test waits for something that has to happen. */
const PATIENCE_MS = 5_000;

/** A log that keeps everything that a test publishes. */
export const LOG: ChannelOptions = { kind: "log", historySize: 1_000, historyTtlMs: 3_600_000, ttlMs: 0, owned: false };
/** A state channel whose entries stay. */
export const STATE: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false };
/** A state channel whose entries belong to instances. */
export const OWNED: ChannelOptions = { ...STATE, owned: true };
/** Bounds that no page of a test reaches. */
export const WIDE: PageBounds = { items: 10_000, bytes: 10_000_000 };
/** The channel that a case with one channel uses. */
export const ROOM = "chat:lobby";

/** What a test has in its hands: a store, what it delivered, time, and promises where the store has callbacks. */
export class ConformanceWorld {
  /** Everything delivered since the store was first opened. */
  readonly deliveries: Delivered[] = [];
  readonly controls: ControlMessage[] = [];
  readonly #store: ConformanceStore;
  readonly #virtual: VirtualWorld | null;
  readonly #ports: Ports;
  #opened: OpenBackplane | null = null;
  readonly #others = new Set<() => Promise<void>>();
  #ids = 0;

  constructor(subject: ConformanceSubject, store: ConformanceStore) {
    this.#store = store;
    const virtual = new VirtualWorld({ wallMs: Date.now() });
    this.#virtual = subject.world === null ? virtual : null;
    this.#ports = subject.world ?? portsOf(virtual);
  }

  /** Opens the store, or opens it again, with limits beside the defaults. */
  async open(limits: Partial<Limits> = {}): Promise<OpenBackplane> {
    this.#opened = await this.#store.open({
      ...this.#context(limits),
      sink: {
        ...QUIET,
        deliver: (channel, prev, pos, records) => this.deliveries.push({ channel, prev, pos, records }),
      },
      onControl: (message) => this.controls.push(message),
    });
    return this.#opened;
  }

  /** Opens the store for another node, which is closed with the test if not before. */
  async openAnother(): Promise<AnotherNode> {
    const controls: ControlMessage[] = [];
    const onControl = (message: ControlMessage): void => void controls.push(message);
    const backplane = await this.#store.open({ ...this.#context({}), sink: QUIET, onControl });
    const closed = async (): Promise<void> => {
      if (this.#others.delete(closed)) await new Promise<void>((resolve) => backplane.close(resolve));
    };
    this.#others.add(closed);
    return { backplane, controls, close: closed };
  }

  /** Closes the store. */
  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) await new Promise<void>((resolve) => opened.close(resolve));
  }

  /** Keeps a copy of the closed store; resolves to what puts it back. */
  async copy(): Promise<() => Promise<void>> {
    const restore = await this.#store.copy?.();
    if (restore === undefined) throw new Error("Expected a store that says `copies` to have `copy`.");
    return restore;
  }

  /** Ends the test. */
  async end(): Promise<void> {
    await this.close();
    for (const close of this.#others) await close();
    await this.#store.dispose();
  }

  #context(limits: Partial<Limits>): Omit<BackplaneContext, "sink" | "onControl"> {
    const both = { ...DEFAULT_LIMITS, ...limits };
    return { ports: this.#ports, limits: both, logger: SILENT_LOGGER, faults: NO_FAULTS };
  }

  /** The store, open. */
  get backplane(): OpenBackplane {
    if (this.#opened === null) throw new Error("Expected an open store.");
    return this.#opened;
  }

  /** The time that the store goes by. */
  get now(): number {
    return this.#ports.wallMs();
  }

  /** An id that was not used before. */
  id(): string {
    return `id-${++this.#ids}`;
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    this.#virtual?.advance(ms);
    // What the store began to do because of it goes on outside of a virtual world.
    await new Promise((resolve) => setTimeout(resolve, this.#virtual === null ? ms : 2));
  }

  /** Waits until something is so; time goes on meanwhile. */
  async until(isSo: () => boolean, what: string, patienceMs: number = PATIENCE_MS): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!isSo()) {
      if (Date.now() > end) throw new Error(`Expected within ${patienceMs} ms: ${what}.`);
      await this.pass(10);
    }
  }

  /** What was delivered for a channel so far, as one list. */
  delivered(channel: string): ChannelRecord[] {
    return this.deliveries.filter((delivery) => delivery.channel === channel).flatMap(({ records }) => records);
  }

  /** Waits until that many items of a channel were delivered. */
  async deliveredCount(channel: string, count: number): Promise<ChannelRecord[]> {
    await this.until(() => this.delivered(channel).length >= count, `${count} items delivered in ${channel}`);
    return this.delivered(channel);
  }

  /** A publish of some data in the room, by the application, without an idempotency key. */
  request(more: Publish = {}): Omit<AppendRequest, "done"> {
    return appendRequest({ channel: ROOM, options: LOG, ...more, id: more.id ?? this.id() });
  }

  /** Publishes. */
  async publish(more: Publish = {}): Promise<AppendResult> {
    const [result] = await this.append([this.request(more)]);
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Publishes, which has to succeed. Resolves to the position after it. */
  async published(more: Publish = {}): Promise<Position> {
    return succeeded(await this.publish(more)).pos;
  }

  /** Publishes that many, which has to succeed. Resolves to the positions after them. */
  async publishedMany(count: number, more: Publish = {}): Promise<Position[]> {
    const results = await this.append(Array.from({ length: count }, () => this.request(more)));
    return results.map((result) => succeeded(result).pos);
  }

  /** Appends one batch. Resolves to the results in the order of the requests. */
  append(batch: readonly Omit<AppendRequest, "done">[]): Promise<AppendResult[]> {
    return appendAll(this.backplane.channels, batch);
  }

  /** Changes a state channel. */
  async apply(
    channel: string,
    options: ChannelOptions,
    change: ApplyRequest["change"],
    { channels }: OpenBackplane = this.backplane,
  ): Promise<ApplyResult> {
    const [result] = await answered<Omit<ApplyRequest, "done">, ApplyResult>(
      [{ channel, options, change }],
      (requests) => channels.apply(requests),
    );
    if (result === undefined) throw new Error("Expected a result.");
    return result;
  }

  /** Sets an entry. */
  set(change: Change, options: ChannelOptions = STATE, channel: string = ROOM): Promise<ApplyResult> {
    const { key, data = `"${key}"`, expect = null, owner = null, holder = null, ownOnly = false } = change;
    return this.apply(channel, options, { op: "set", key, data, expect, owner, holder, ownOnly });
  }

  /** Removes an entry. */
  unset(
    key: string,
    options: ChannelOptions = STATE,
    more: { expect?: number; holder?: string; onlyBy?: string } = {},
  ): Promise<ApplyResult> {
    const { expect = null, holder = null, onlyBy = null } = more;
    return this.apply(ROOM, options, { op: "remove", key, expect, holder, onlyBy });
  }

  /** Starts delivery, which has to succeed. Resolves to the position it starts from. */
  subscribe(options: ChannelOptions = LOG, channel: string = ROOM): Promise<Position> {
    return asked((done) => this.backplane.channels.subscribe(channel, options, done));
  }

  /** Reads the page after a position. */
  read(
    after: Position,
    options: ChannelOptions = LOG,
    bounds: PageBounds = WIDE,
    channel: string = ROOM,
  ): Promise<Page> {
    return asked((done) => this.backplane.channels.read({ channel, options, after, bounds }, done));
  }

  /** Reads publications backwards. */
  history(limit: number, before: Position | null = null, options: ChannelOptions = LOG): Promise<HistoryPage> {
    return asked((done) => this.backplane.channels.history({ channel: ROOM, options, before, limit }, done));
  }

  /** Reads all entries. */
  snapshot(options: ChannelOptions = STATE, channel: string = ROOM): Promise<Snapshot> {
    return asked((done) => this.backplane.channels.snapshot(channel, options, done));
  }

  /** Begins another life of the room. */
  remove(options: ChannelOptions = LOG): Promise<Position> {
    return asked((done) => this.backplane.channels.remove(ROOM, options, done));
  }

  /** Keeps a credential. */
  put(key: string, value: string, ttlMs: number = 60_000): Promise<Answer<null>> {
    return new Promise((done) => this.backplane.tickets.put(key, value, ttlMs, done));
  }

  /** Puts a credential if it is what it was. */
  swap(key: string, before: string, value: string, ttlMs: number = 60_000): Promise<boolean> {
    return asked((done) => this.backplane.tickets.swap(key, before, value, ttlMs, done));
  }

  /** Looks at a credential. */
  peek(key: string): Promise<string | null> {
    return asked((done) => this.backplane.tickets.read(key, done));
  }

  /** Takes a credential. */
  take(key: string): Promise<string | null> {
    return asked((done) => this.backplane.tickets.take(key, done));
  }

  /** Everything that the store would tell anybody of the room, as text: for finding what should not be there. */
  async everything(): Promise<string> {
    const start = await this.read("nowhere");
    return JSON.stringify([start, await this.history(1_000)]);
  }
}

/** Ticks end by themselves: a store works outside of a virtual world. */
function portsOf(world: VirtualWorld): Ports {
  return {
    monotonicMs: () => world.monotonicMs(),
    wallMs: () => world.wallMs(),
    after: (delayMs, callback) => world.after(delayMs, callback),
    endOfTick: (callback) => {
      setImmediate(callback);
    },
    random: () => world.random(),
    id: () => world.id(),
    hash: (data) => world.hash(data),
    digest: (data) => world.digest(data),
  };
}

/** The result if it is a success; throws what went wrong. */
export function succeeded<T extends { readonly ok: true }>(result: T | Failure): T {
  if (!result.ok) throw new Error(`Expected success, got ${result.code}: ${result.message}`);
  return result;
}

/** The failure if it is one; throws if it is not. */
export function failed<T extends { readonly ok: true }>(result: T | Failure): Failure {
  if (result.ok) throw new Error("Expected a failure, got success.");
  return result;
}

async function asked<T>(question: (done: (answer: Answer<T>) => void) => void): Promise<T> {
  const answer = await new Promise<Answer<T>>(question);
  return succeeded(answer).value;
}
