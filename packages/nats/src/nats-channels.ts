import type { ChannelKind, Position } from "@carillon/protocol";
import {
  wrongKind,
  type Answer,
  type AppendRequest,
  type ApplyRequest,
  type ChannelOptions,
  type ChannelStore,
  type Failure,
  type HistoryPage,
  type HistoryRequest,
  type Page,
  type ReadRequest,
  type Snapshot,
  type StoreCapabilities,
} from "@carillon/server/backplane";
import type { Subscription } from "@nats-io/transport-node";
import type { Broker } from "./broker.ts";
import type { Replica } from "./chain.ts";
import { Channel, unavailable, WrongKind, type ChannelContext } from "./channel.ts";
import { failAll, type Operation } from "./channel-operation.ts";
import { SilenceWatch, type WatchCounts } from "./silence-watch.ts";
import type { StreamSet } from "./stream-set.ts";
import type { Stream } from "./stream.ts";
import { namespaceOf, type Names } from "./subject.ts";

/** What the channels need of their backplane. */
export interface ChannelsContext extends ChannelContext {
  readonly broker: Broker;
  readonly names: Names;
  readonly streams: StreamSet;
  /** Bytes of payload that are kept in memory. */
  readonly cacheBytes: number;
}

/** A stream that is in use here, with its watch. */
interface Watched {
  readonly watch: SilenceWatch;
  /** Subscribed channels by subject. */
  readonly channels: Map<string, Channel>;
}

/** A channel that nobody has used for so long, and nobody is subscribed to, is let go of. */
const IDLE_MS = 60_000;
/** Operations under way on this node. */
const OPERATIONS_MAX = 100_000;
/** Channels that compare with the store at once after a reconnect. */
const SYNCS_AT_ONCE = 64;

/**
 * Channels in JetStream: a stream for each namespace and kind, a subject for each channel, a block for each message. What
 * a node knows of a channel is a replica, made from its blocks; every answer is given by a replica that was compared with
 * the store after the question, and every change is stored only on top of the block that it was judged by.
 */
export class NatsChannels implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: true, distributed: true, entryTtl: true };
  readonly counts: WatchCounts = { rollbacks: 0, missed: 0 };
  readonly #context: ChannelsContext;
  readonly #channels = new Map<string, Channel>();
  readonly #deliveries = new Map<string, Subscription>();
  readonly #watched = new Map<string, Watched>();
  #isClosed = false;

  constructor(context: ChannelsContext) {
    this.#context = context;
  }

  get idempotencyEpoch(): string {
    return this.#context.idempotencyEpoch();
  }

  subscribe(name: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const channel = this.#open(name, options);
    if (channel === null) return done(CLOSED);
    this.#deliver(channel);
    this.#ask(
      channel,
      () => false,
      (replica) => done({ ok: true, value: replica.top }),
      done,
    );
  }

  unsubscribe(name: string): void {
    for (const kind of ["log", "state"] as const) {
      const subject = this.#context.names.channel(kind, name);
      this.#deliveries.get(subject)?.unsubscribe();
      this.#deliveries.delete(subject);
      for (const { channels } of this.#watched.values()) channels.delete(subject);
      const channel = this.#channels.get(subject);
      if (channel !== undefined) channel.isSubscribed = false;
    }
  }

  append(batch: readonly AppendRequest[]): void {
    for (const request of batch) {
      const channel = this.#open(request.channel, request.options, "log");
      if (channel === null) request.done(CLOSED);
      else this.#enqueue(channel, { type: "append", deadline: channel.deadline(), request });
    }
  }

  apply(batch: readonly ApplyRequest[]): void {
    for (const request of batch) {
      const channel = this.#open(request.channel, request.options, "state");
      if (channel === null) request.done(CLOSED);
      else this.#enqueue(channel, { type: "apply", deadline: channel.deadline(), request });
    }
  }

  read({ channel: name, options, after, bounds }: ReadRequest, done: (answer: Answer<Page>) => void): void {
    const channel = this.#open(name, options);
    if (channel === null) return done(CLOSED);
    const needsWhole = (replica: Replica): boolean => replica.kind === "log" && !replica.covers(after);
    this.#ask(
      channel,
      needsWhole,
      (replica) => {
        const value = replica.kind === "log" ? replica.read(after, options, bounds) : replica.read(after, bounds);
        done({ ok: true, value });
      },
      done,
    );
  }

  history(
    { channel: name, options, before, limit }: HistoryRequest,
    done: (answer: Answer<HistoryPage>) => void,
  ): void {
    const channel = this.#open(name, options);
    if (channel === null) return done(CLOSED);
    this.#ask(
      channel,
      (replica) => replica.kind === "log" && !replica.isWhole,
      (replica) => {
        if (replica.kind !== "log") return done(wrongKind(name, "log"));
        done({ ok: true, value: replica.history(before, options, limit) });
      },
      done,
    );
  }

  snapshot(name: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    const channel = this.#open(name, options);
    if (channel === null) return done(CLOSED);
    this.#ask(
      channel,
      () => false,
      (replica) => done(replica.kind === "state" ? { ok: true, value: replica.snapshot() } : wrongKind(name, "state")),
      done,
    );
  }

  remove(name: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const channel = this.#open(name, options);
    if (channel === null) return done(CLOSED);
    this.#enqueue(channel, { type: "remove", deadline: channel.deadline(), done });
  }

  close(): void {
    this.#isClosed = true;
    for (const subscription of this.#deliveries.values()) subscription.unsubscribe();
    for (const channel of this.#channels.values()) channel.close();
    this.#deliveries.clear();
    this.#channels.clear();
  }

  /** True while something that was asked for is not yet answered. */
  get isBusy(): boolean {
    return [...this.#channels.values()].some((channel) => !channel.isIdle);
  }

  /** Nothing is built on what is known before it is compared with the store: the next connection may lead to another one. */
  distrustAll(): void {
    for (const channel of this.#channels.values()) channel.chain.distrust();
  }

  /** Compares everything that is subscribed with the store. */
  async doubtAll(): Promise<void> {
    this.distrustAll();
    const subscribed = [...this.#watched.values()].flatMap(({ channels }) => [...channels.values()]);
    for (let start = 0; start < subscribed.length; start += SYNCS_AT_ONCE) {
      await Promise.all(
        subscribed.slice(start, start + SYNCS_AT_ONCE).map(
          (channel) =>
            new Promise<void>((resolve) => {
              if (!channel.isSubscribed) return resolve();
              const end = (): void => resolve();
              channel.enqueue({
                type: "ask",
                deadline: channel.deadline(),
                needsWhole: () => false,
                answer: end,
                fail: end,
              });
            }),
        ),
      );
    }
  }

  /**
   * Looks for what live delivery has missed (P6). Resolves to true if a stream is not what it was. Rejects with a
   * `Trouble`.
   */
  async watch(): Promise<boolean> {
    const rounds = [...this.#watched.values()].map(({ watch, channels }) => watch.round(channels));
    return (await Promise.all(rounds)).includes(true);
  }

  /** Ends what dead nodes left. */
  reap(): void {
    for (const channel of this.#channels.values()) channel.reap();
  }

  /** Ends what dead nodes left, renews heads, and lets go of what is not used: bounded memory (P8). */
  tidy(): void {
    const { ports } = this.#context.backplane;
    let bytes = 0;
    for (const [subject, channel] of this.#channels) {
      channel.reap();
      channel.keepAlive();
      const isUnused = channel.isIdle && !channel.isSubscribed && channel.usedAt + IDLE_MS < ports.monotonicMs();
      if (isUnused) this.#drop(subject, channel);
      else bytes += channel.chain.replica?.bytes ?? 0;
    }
    this.#context.ids.expire(this.#context.now());
    // Channels are in the order of their use, so the one that was not used for longest goes first.
    for (const [subject, channel] of this.#channels) {
      if (bytes <= this.#context.cacheBytes) return;
      if (!channel.isIdle) continue;
      bytes -= channel.chain.replica?.bytes ?? 0;
      if (channel.isSubscribed) channel.chain.shed();
      else this.#drop(subject, channel);
    }
  }

  #drop(subject: string, channel: Channel): void {
    channel.close();
    this.#channels.delete(subject);
  }

  #open(name: string, options: ChannelOptions, kind: ChannelKind = options.kind): Channel | null {
    if (this.#isClosed) return null;
    const { names } = this.#context;
    const subject = names.channel(kind, name);
    const known = this.#channels.get(subject);
    if (known !== undefined) {
      known.options = options;
      this.#channels.delete(subject);
      this.#channels.set(subject, known);
      return known;
    }
    const channel = this.#make(name, subject, kind, options);
    this.#channels.set(subject, channel);
    return channel;
  }

  #make(name: string, subject: string, kind: ChannelKind, options: ChannelOptions): Channel {
    const { backplane, ids, now, broker, names, streams } = this.#context;
    const { ports, faults, limits } = backplane;
    const namespace = namespaceOf(name);
    const checkKind = async (): Promise<void> => {
      const other = kind === "log" ? "state" : "log";
      const found = await streams.unmade(other, namespace).getByApi({ last_by_subj: names.channel(other, name) });
      if (found !== null) throw new WrongKind();
    };
    const channel: Channel = new Channel(name, options, this.#context, {
      kind,
      subject,
      stream: async () => {
        const stream = await streams.ofChannels(kind, namespace, channel.options.historyTtlMs);
        this.#watch(stream, names.channels(kind, namespace), subject, channel);
        return stream;
      },
      log: { ports, faults, ids, now },
      state: { ports, faults, journalMax: limits.stateJournal },
      ports,
      dataMax: () => broker.dataMax,
      checkKind,
      now,
      stored: (stream, seq) => this.#watched.get(stream.name)?.watch.saw(seq),
    });
    return channel;
  }

  /** What happens in a stream is watched once one of its channels is used. */
  #watch(stream: Stream, filter: string, subject: string, channel: Channel): void {
    let watched = this.#watched.get(stream.name);
    if (watched === undefined) {
      watched = { watch: new SilenceWatch(stream, filter, this.counts), channels: new Map() };
      this.#watched.set(stream.name, watched);
    }
    if (channel.isSubscribed) watched.channels.set(subject, channel);
  }

  /** Live delivery. NATS has it before it gets the question that follows on the same connection. */
  #deliver(channel: Channel): void {
    channel.isSubscribed = true;
    const { names, broker } = this.#context;
    const subject = names.channel(channel.options.kind, channel.name);
    if (this.#deliveries.has(subject)) return;
    const subscription = broker.subscribe(names.live(subject), ({ headers, data }) => {
      // What comes now is read once it is known whose access was revoked meanwhile (P7): then every channel compares.
      if (!this.#context.isCaughtUp()) return;
      const seq = Number(headers?.get("Nats-Sequence"));
      for (const { watch, channels } of this.#watched.values()) if (channels.has(subject)) watch.saw(seq);
      const present = this.#channels.get(subject);
      if (present !== undefined && !present.chain.live(seq, Number(headers?.get("Nats-Last-Sequence")), data))
        present.sync();
    });
    this.#deliveries.set(subject, subscription);
  }

  #ask(
    channel: Channel,
    needsWhole: (replica: Replica) => boolean,
    answer: (replica: Replica) => void,
    fail: (failure: Failure) => void,
  ): void {
    this.#enqueue(channel, { type: "ask", deadline: channel.deadline(), needsWhole, answer, fail });
  }

  #enqueue(channel: Channel, operation: Operation): void {
    if (this.#context.load.operations >= OPERATIONS_MAX) failAll([operation], OVERLOADED);
    else channel.enqueue(operation);
  }
}

const CLOSED = unavailable("unavailable", "The store is closed.");
const OVERLOADED = unavailable("overloaded", "Too many operations wait for NATS; try again later.");
