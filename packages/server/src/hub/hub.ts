import type { Position } from "@carillon/protocol";
import type { Answer, ChannelOptions, ChannelStore } from "../backplane/channel-store.ts";
import type { ChannelRecord } from "../backplane/records.ts";
import type { Faults } from "../core/faults.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Ports } from "../core/ports.ts";
import { Coalescer } from "./coalescer.ts";
import type { Subscriber } from "./subscriber.ts";
import { Unit } from "./unit.ts";

/** Items that a coalescing interval holds back; with more, a unit goes out early. Some pages of history hold as many. */
const HELD_ITEMS_MAX = 1_024;

/** What the hub needs from its node. */
export interface HubContext {
  readonly ports: Ports;
  readonly metrics: Metrics;
  readonly faults: Faults;
  readonly store: () => ChannelStore;
  /** Asks for a `flush` at the end of the tick. */
  readonly schedule: () => void;
  /** Nobody here is interested in the channel any more, so nothing that happens in it will be told. */
  readonly closed: (channel: string) => void;
}

/** Items that were delivered in this tick and are not yet a unit. */
interface Pending {
  readonly prev: Position;
  pos: Position;
  /** Those of the first delivery, which are nearly always all; others are added to a list of the hub's own. */
  records: readonly ChannelRecord[];
  own: ChannelRecord[] | null;
}

interface HubChannel {
  readonly name: string;
  readonly options: ChannelOptions;
  readonly coalesceMs: number;
  /** Live subscribers; the order means nothing. */
  readonly live: Subscriber[];
  /** Attached and not yet detached, live or not. At zero the store's delivery is ended. */
  interest: number;
  /** Position after the last unit that was handed out; null while only the store knows where the channel stands. */
  position: Position | null;
  /** Grows with each unit that is handed out, and with each doubt. */
  moment: number;
  /** The latest question to the store about that: answers to earlier ones are out of date. */
  question: number;
  pending: Pending | null;
  /** It is among those that are flushed at the end of the tick. */
  isDirty: boolean;
  /** Those who wait for the store's answer. */
  waiting: ((answer: Answer<Position>) => void)[];
}

/**
 * The channels with local subscribers, and fan-out: everything that is delivered for a channel in one tick becomes one
 * unit, and a live subscriber costs one comparison and one reference a tick, whatever the number of publications.
 *
 * Invariant: a live subscriber's position is the position after the last unit that it took. The hub never gives it a
 * unit that starts elsewhere; it leaves the shared path instead and catches up (P1, P4).
 */
export class Hub {
  readonly #channels = new Map<string, HubChannel>();
  #dirty: HubChannel[] = [];
  readonly #coalescer: Coalescer<HubChannel>;
  readonly #context: HubContext;

  constructor(context: HubContext) {
    this.#context = context;
    this.#coalescer = new Coalescer(context.ports, (channels) => {
      for (const channel of channels) this.#soil(channel);
      context.schedule();
    });
  }

  /** How many channels have local interest. */
  get size(): number {
    return this.#channels.size;
  }

  /** Names of the channels with local interest. */
  names(): string[] {
    return [...this.#channels.keys()];
  }

  /**
   * Registers interest and answers once live delivery is active, with the position up to which units were handed out.
   * Each `attach` that was answered with success wants one `detach`; a failed one wants none.
   */
  attach(name: string, options: ChannelOptions, coalesceMs: number, done: (answer: Answer<Position>) => void): void {
    const channel = this.#channels.get(name) ?? this.#open(name, options, coalesceMs);
    channel.interest++;
    if (channel.position !== null) return done({ ok: true, value: this.#settled(channel) });
    channel.waiting.push(done);
    if (channel.waiting.length === 1) this.#ask(channel);
  }

  /** Takes back one interest; the last one ends the store's delivery. */
  detach(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || this.#context.faults.has("leaky-unsubscribe")) return;
    channel.interest--;
    if (channel.interest === 0) this.#close(channel);
  }

  /** The present moment of a channel, for {@link Hub.join}. */
  moment(name: string): number {
    return this.#channels.get(name)?.moment ?? 0;
  }

  /**
   * Makes a subscriber live if nothing can have passed it by: it stands where the channel stands, or nothing was handed
   * out since `since`, the moment when it asked the store for what it has. If false, it must ask again: the unit that
   * passed may have been the last for a long time, and nothing later would show that it is missing (P4). The channel's
   * pending items go out first, because a page that was just read may include them already.
   */
  join(subscriber: Subscriber, since: number): boolean {
    const channel = this.#channels.get(subscriber.channel);
    if (channel === undefined || isLive(subscriber)) return true;
    if (channel.pending !== null) this.#flushChannel(channel);
    if (channel.moment !== since && channel.position !== subscriber.position) return false;
    subscriber.slot = channel.live.length;
    channel.live.push(subscriber);
    return true;
  }

  /** Takes a subscriber off the shared path. Harmless for one that is not on it. */
  leave(subscriber: Subscriber): void {
    const channel = this.#channels.get(subscriber.channel);
    if (channel === undefined || !isLive(subscriber)) return;
    this.#takeOff(channel, subscriber);
  }

  /** Items from the store, in the channel's order. They go out at the end of the tick. */
  deliver(name: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    if (channel.pending !== null && channel.pending.pos !== prev) this.#flushChannel(channel);
    if (channel.pending === null) channel.pending = { prev, pos, records, own: null };
    else add(channel.pending, pos, records);
    this.#mark(channel);
  }

  /** Live delivery may have lost something: everybody compares with the store. */
  suspect(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined) return;
    if (channel.pending !== null) this.#flushChannel(channel);
    // A position that the store may have gone back from must not pass for the present one (P5).
    channel.position = null;
    channel.moment++;
    this.#lag(channel, [...channel.live]);
    this.#ask(channel);
  }

  /** True when a unit waits for the end of the tick. */
  get hasPending(): boolean {
    return this.#dirty.length > 0;
  }

  /** Builds the units of this tick and hands them out. */
  flush(): void {
    const dirty = this.#dirty;
    // What is delivered meanwhile joins at the end.
    for (let index = 0; index < dirty.length; index++) {
      const channel = dirty[index]!;
      channel.isDirty = false;
      this.#flushChannel(channel);
    }
    this.#dirty = [];
  }

  #open(name: string, options: ChannelOptions, coalesceMs: number): HubChannel {
    const channel: HubChannel = {
      name,
      options,
      coalesceMs,
      live: [],
      interest: 0,
      position: null,
      moment: 0,
      question: 0,
      pending: null,
      isDirty: false,
      waiting: [],
    };
    this.#channels.set(name, channel);
    this.#context.metrics.channels++;
    return channel;
  }

  #close(channel: HubChannel): void {
    this.#coalescer.drop(channel);
    channel.pending = null;
    this.#channels.delete(channel.name);
    this.#context.metrics.channels--;
    this.#context.store().unsubscribe(channel.name);
    this.#context.closed(channel.name);
  }

  /** Asks the store to deliver, or whether it still does, and where the channel stands. */
  #ask(channel: HubChannel): void {
    const question = ++channel.question;
    this.#context.store().subscribe(channel.name, channel.options, (answer) => {
      // Everybody left while the store was asked, or it was asked again.
      if (this.#channels.get(channel.name) === channel && channel.question === question) this.#told(channel, answer);
    });
  }

  #told(channel: HubChannel, answer: Answer<Position>): void {
    const waiting = channel.waiting.splice(0);
    if (answer.ok) {
      // What was delivered before the answer came is behind it or beyond it, and has moved the position already.
      channel.position ??= channel.pending?.prev ?? answer.value;
      for (const waiter of waiting) waiter({ ok: true, value: this.#settled(channel) });
      return;
    }
    channel.interest -= waiting.length;
    if (channel.interest === 0) this.#close(channel);
    for (const waiter of waiting) waiter(answer);
  }

  /** The position where a subscriber who wants only what comes next may start. */
  #settled(channel: HubChannel): Position {
    if (channel.pending !== null) this.#flushChannel(channel);
    return channel.position ?? "";
  }

  #mark(channel: HubChannel): void {
    const { coalesceMs, pending } = channel;
    const isHeld = coalesceMs > 0 && pending !== null && pending.records.length < HELD_ITEMS_MAX;
    if (isHeld) return this.#coalescer.hold(channel);
    this.#soil(channel);
    this.#context.schedule();
  }

  #soil(channel: HubChannel): void {
    if (channel.isDirty) return;
    channel.isDirty = true;
    this.#dirty.push(channel);
  }

  /** The fan-out loop: the hottest few lines of the server. No allocation per subscriber. */
  #flushChannel(channel: HubChannel): void {
    const { pending, live } = channel;
    if (pending === null) return;
    channel.pending = null;
    channel.position = pending.pos;
    channel.moment++;
    const records = channel.options.kind === "state" ? conflate(pending.records) : pending.records;
    const unit = new Unit({ channel: channel.name, prev: pending.prev, pos: pending.pos, records, reset: false });
    let lagged: Subscriber[] | null = null;
    for (let slot = 0; slot < live.length; slot++) {
      const subscriber = live[slot]!;
      const fits = subscriber.position === pending.prev && subscriber.offer(unit.bytes(subscriber.group));
      if (fits) subscriber.position = pending.pos;
      else (lagged ??= []).push(subscriber);
    }
    const { metrics } = this.#context;
    metrics.units++;
    metrics.deliveries += records.length * (live.length - (lagged?.length ?? 0));
    if (lagged !== null) this.#lag(channel, lagged);
  }

  #lag(channel: HubChannel, lagged: readonly Subscriber[]): void {
    for (const subscriber of lagged) this.#takeOff(channel, subscriber);
    this.#context.metrics.lags += lagged.length;
    // Told after the loop, because what they do may change who is live.
    for (const subscriber of lagged) subscriber.lagged();
  }

  /** Swaps the last subscriber into the free slot: constant time. */
  #takeOff(channel: HubChannel, subscriber: Subscriber): void {
    const last = channel.live.pop();
    if (last !== undefined && last !== subscriber) {
      channel.live[subscriber.slot] = last;
      last.slot = subscriber.slot;
    }
    subscriber.slot = -1;
  }
}

function add(pending: Pending, pos: Position, records: readonly ChannelRecord[]): void {
  if (pending.own === null) {
    pending.own = [...pending.records];
    pending.records = pending.own;
  }
  pending.own.push(...records);
  pending.pos = pos;
}

function isLive(subscriber: Subscriber): boolean {
  return subscriber.slot !== -1;
}

/** The latest record of each key, in order of version: nobody needs the values in between. */
function conflate(records: readonly ChannelRecord[]): readonly ChannelRecord[] {
  if (records.length < 2) return records;
  const latest = new Map<string, ChannelRecord>();
  for (const record of records)
    if (record.kind === "entry" || record.kind === "removal") latest.set(record.key, record);
  return latest.size === records.length
    ? records
    : records.filter((record) => "key" in record && latest.get(record.key) === record);
}
