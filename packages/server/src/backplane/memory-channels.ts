import type { Position } from "@carillon/protocol";
import type { Timer } from "../core/ports.ts";
import type { BackplaneContext } from "./backplane.ts";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  ChannelStore,
  Failure,
  HistoryPage,
  HistoryRequest,
  Page,
  ReadRequest,
  Snapshot,
  StoreCapabilities,
} from "./channel-store.ts";
import { BatchOrder, notYourPublication, reused, unknownPublication, wrongKind } from "./failures.ts";
import { Log } from "./log.ts";
import { idKey, PublicationIds } from "./publication-ids.ts";
import type { AmendRecord, PublicationRecord } from "./records.ts";
import { State } from "./state.ts";

/** How often old publications of silent channels are let go of. */
const SWEEP_MS = 30_000;

interface Channel {
  readonly options: ChannelOptions;
  readonly data: Log | State;
  /** Somebody on the node listens. */
  isSubscribed: boolean;
  /** Fires when the next entry of a state channel ends. */
  timer: Timer | null;
}

/**
 * Channels of one node, in its memory. Every request is answered within the call. What it loses with the process it
 * says so: after a restart every epoch is new, so each returning subscriber gets a gap, and no publish is repeated
 * under a changed idempotency epoch.
 */
export class MemoryChannels implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: false, distributed: false, entryTtl: true };
  readonly #channels = new Map<string, Channel>();
  readonly #ids: PublicationIds;
  readonly #context: BackplaneContext;
  #sweep: Timer | null = null;
  #isClosed = false;

  constructor(context: BackplaneContext) {
    this.#context = context;
    const { idempotencyWindowMs, idempotencyEntries } = context.limits;
    this.#ids = new PublicationIds(context.ports, context.faults, {
      windowMs: idempotencyWindowMs,
      entries: idempotencyEntries,
    });
  }

  get idempotencyEpoch(): string {
    return this.#ids.epoch;
  }

  subscribe(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    found.isSubscribed = true;
    done({ ok: true, value: found.data.top });
  }

  unsubscribe(channel: string): void {
    const known = this.#channels.get(channel);
    if (known !== undefined) known.isSubscribed = false;
  }

  append(batch: readonly AppendRequest[]): void {
    const order = new BatchOrder();
    for (const request of batch) {
      const result = order.run(request, this.#append);
      if (result !== null) request.done(result);
    }
  }

  apply(batch: readonly ApplyRequest[]): void {
    for (const request of batch) request.done(this.#apply(request));
  }

  read({ channel, options, after, bounds }: ReadRequest, done: (answer: Answer<Page>) => void): void {
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    const { data } = found;
    done({ ok: true, value: data instanceof Log ? data.read(after, options, bounds) : data.read(after, bounds) });
  }

  history({ channel, options, before, limit }: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void {
    const log = this.#log(channel, options);
    done(log instanceof Log ? { ok: true, value: log.history(before, options, limit) } : log);
  }

  snapshot(channel: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    const state = this.#state(channel, options);
    done(state instanceof State ? { ok: true, value: state.snapshot() } : state);
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const old = this.#channels.get(channel);
    old?.timer?.cancel();
    this.#channels.delete(channel);
    const found = this.#open(channel, options);
    if ("ok" in found) return done(found);
    found.isSubscribed = old?.isSubscribed === true;
    // An empty delivery that does not link to anything tells every subscriber to look, and so to find the gap.
    if (found.isSubscribed) this.#context.sink.deliver(channel, found.data.top, found.data.top, []);
    done({ ok: true, value: found.data.top });
  }

  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    for (const { timer } of this.#channels.values()) timer?.cancel();
    this.#channels.clear();
  }

  readonly #append = (request: AppendRequest): AppendResult => {
    const { channel, options, idempotency } = request;
    const key = idempotency === null ? "" : idKey(request, idempotency);
    const earlier = idempotency === null ? null : this.#ids.check(key, request.id, idempotency);
    if (earlier !== null) return earlier;
    const found = this.#open(channel, options);
    if ("ok" in found) return found;
    const log = found.data;
    if (!(log instanceof Log)) return wrongKind(channel, "log");
    const record = this.#record(request, log);
    if ("ok" in record) return record;
    const prev = log.top;
    const pos = log.append(record, options);
    const { at } = record;
    if (idempotency !== null) this.#ids.remember(key, idempotency, { place: log.place, at });
    if (found.isSubscribed) this.#context.sink.deliver(channel, prev, pos, [record]);
    return { ok: true, pos, at, duplicate: false };
  };

  #record(request: AppendRequest, log: Log): PublicationRecord | AmendRecord | Failure {
    const { id, data, publisher, tags, meta, version, amend } = request;
    const at = this.#context.ports.wallMs();
    // What is over its age is gone, whether or not somebody has looked since: it can't be amended, its id is free.
    log.trim(request.options);
    if (amend === null) {
      // Amendments name publications by id, so an id stands for one publication among the retained ones.
      if (log.target(id) !== undefined && !this.#context.faults.has("no-dedup")) return reused(id);
      const expires = request.expiresInMs === 0 ? 0 : at + request.expiresInMs;
      return { kind: "publication", id, at, data, publisher, tags, meta, expires, version };
    }
    const target = log.target(amend.target);
    if (target === undefined) return unknownPublication(amend.target);
    if (amend.onlyBy !== null && target.publisher?.user !== amend.onlyBy) return notYourPublication();
    return { kind: "amend", id, amend: amend.target, at, data, publisher, expires: target.expires, version };
  }

  #apply({ channel, options, change }: ApplyRequest): ApplyResult {
    const state = this.#state(channel, options);
    if (!(state instanceof State)) return state;
    // The timer may be late, and no change may find an entry whose time is over.
    if (options.ttlMs !== 0) this.#expire(channel, state);
    const result = state.apply(change, options.ttlMs);
    if (!result.ok) return result;
    if (options.ttlMs !== 0) this.#expireLater(channel);
    this.#deliver(channel, result);
    return { ok: true, pos: result.pos, version: result.version };
  }

  #deliver(channel: string, change: Extract<ReturnType<State["apply"]>, { ok: true }>): void {
    if (change.records.length === 0 || this.#channels.get(channel)?.isSubscribed !== true) return;
    this.#context.sink.deliver(channel, change.prev, change.pos, change.records);
  }

  #expireLater(name: string): void {
    const channel = this.#channels.get(name);
    if (channel === undefined || channel.timer !== null || !(channel.data instanceof State)) return;
    const state = channel.data;
    const endsAtMs = state.nextEndMs;
    if (endsAtMs === null) return;
    channel.timer = this.#context.ports.after(Math.max(1, endsAtMs - this.#context.ports.monotonicMs()), () => {
      channel.timer = null;
      this.#expire(name, state);
      this.#expireLater(name);
    });
  }

  #expire(name: string, state: State): void {
    const change = state.expire();
    if (change.ok) this.#deliver(name, change);
  }

  #log(name: string, options: ChannelOptions): Log | Failure {
    const channel = this.#open(name, options);
    if ("ok" in channel) return channel;
    return channel.data instanceof Log ? channel.data : wrongKind(name, "log");
  }

  #state(name: string, options: ChannelOptions): State | Failure {
    const channel = this.#open(name, options);
    if ("ok" in channel) return channel;
    return channel.data instanceof State ? channel.data : wrongKind(name, "state");
  }

  #open(name: string, options: ChannelOptions): Channel | Failure {
    const known = this.#channels.get(name);
    if (known !== undefined) return known;
    const { ports, limits, faults } = this.#context;
    if (this.#channels.size >= limits.channels && !this.#makeRoom()) {
      return { ok: false, code: "overloaded", message: `The store has all of its ${limits.channels} channels in use.` };
    }
    const bounds = { entries: limits.stateEntries, journal: limits.stateJournal };
    const data = options.kind === "log" ? new Log(ports, faults) : new State(ports, faults, bounds);
    const channel: Channel = { options, data, isSubscribed: false, timer: null };
    this.#channels.set(name, channel);
    this.#sweepLater();
    return channel;
  }

  /** Forgets channels that nobody would miss: no subscriber, nothing retained. True if that made room. */
  #makeRoom(): boolean {
    for (const [name, channel] of this.#channels) {
      if (channel.data.size === 0 && !channel.isSubscribed) this.#channels.delete(name);
    }
    return this.#channels.size < this.#context.limits.channels;
  }

  #sweepLater(): void {
    if (this.#sweep !== null || this.#isClosed) return;
    this.#sweep = this.#context.ports.after(SWEEP_MS, () => {
      this.#sweep = null;
      let retained = 0;
      for (const { data, options } of this.#channels.values()) {
        if (data instanceof Log) data.trim(options);
        retained += data.size;
      }
      if (retained > 0) this.#sweepLater();
    });
  }
}
