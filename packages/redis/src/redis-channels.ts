import {
  BatchOrder,
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
  type Timer,
} from "@carillon/server/backplane";
import type { Position } from "@carillon/protocol";
import { TOO_MUCH, UNREACHABLE } from "./broker-failure.ts";
import { IdRoom } from "./id-room.ts";
import { bucketOf } from "./keys.ts";
import { Lanes, type LaneBounds, type LaneWork, type QueuedAppend } from "./lanes.ts";
import type { LogCalls } from "./log-calls.ts";
import { readPlace } from "./place-codec.ts";
import { listOf, numberAt, textAt } from "./reply.ts";
import { SCRIPTS } from "./scripts.ts";
import type { StateCalls } from "./state-calls.ts";
import { explain, type StoreParts } from "./store-parts.ts";
import type { Subscribed, Subscriptions } from "./subscriptions.ts";

/** What the channel store is made of. */
export interface ChannelsContext {
  readonly parts: StoreParts;
  readonly subscriptions: Subscriptions;
  readonly logs: LogCalls;
  readonly states: StateCalls;
  readonly bounds: LaneBounds;
  /** Told when the next entry of a channel ends. */
  readonly untilNext: (channel: string, ms: number | null) => void;
}

/** Guess of what a request costs beside its payload. */
const REQUEST_BYTES = 256;

/** Channels in Redis, shared by all nodes of a cluster. */
export class RedisChannels implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: true, distributed: true, entryTtl: true };
  readonly #context: ChannelsContext;
  readonly #lanes: Lanes;
  readonly #room: IdRoom;
  #isClosed = false;

  constructor(context: ChannelsContext) {
    this.#context = context;
    const { logs, states, bounds, parts } = context;
    const { ports, limits } = parts.context;
    this.#room = new IdRoom(ports, { windowMs: limits.idempotencyWindowMs, entries: limits.idempotencyEntries });
    const settle = (queued: QueuedAppend, isRemembered: boolean): void => {
      if (queued.hasRoom && queued.request.idempotency !== null) this.#room.settle(isRemembered);
    };
    const work: LaneWork = {
      appends: async (channel, batch) => {
        this.#lanes.holdBack(channel, await logs.append(channel, batch, settle));
      },
      refused: (queued: QueuedAppend) => settle(queued, false),
      applies: (channel, batch) => states.apply(channel, batch),
    };
    this.#lanes = new Lanes(ports, work, bounds);
  }

  get idempotencyEpoch(): string {
    return this.#context.parts.epoch.current;
  }

  subscribe(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    if (this.#isClosed) return done(UNREACHABLE);
    const subscribed = this.#context.subscriptions.open(channel, options);
    void this.#answer(this.#subscribe(subscribed), done);
  }

  unsubscribe(channel: string): void {
    this.#context.subscriptions.close(channel);
    this.#context.untilNext(channel, null);
  }

  append(batch: readonly AppendRequest[]): void {
    const order = new BatchOrder();
    const channels = new Set<string>();
    for (const request of batch) {
      const result = order.run(request, (next) => this.#queueAppend(next));
      if (result === null) channels.add(request.channel);
      else request.done(result);
    }
    for (const channel of channels) this.#lanes.start(channel);
  }

  apply(batch: readonly ApplyRequest[]): void {
    const channels = new Set<string>();
    for (const request of batch) {
      const { channel, options, change } = request;
      const failure = this.#refusal() ?? (options.kind === "state" ? null : wrongKind(channel, "state"));
      if (failure !== null) request.done(failure);
      else {
        const bytes = REQUEST_BYTES + (change.op === "set" ? (change.data?.length ?? 0) : 0);
        this.#lanes.add(channel, { kind: "apply", request, bytes, sinceMs: this.#now });
        channels.add(channel);
      }
    }
    for (const channel of channels) this.#lanes.start(channel);
  }

  read(request: ReadRequest, done: (answer: Answer<Page>) => void): void {
    if (this.#isClosed) return done(UNREACHABLE);
    const { logs, states } = this.#context;
    const read = (): Promise<Answer<Page>> =>
      request.options.kind === "log" ? logs.read(request) : states.read(request);
    void this.#answer(this.#afterCatchingUp(read), done);
  }

  history(request: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void {
    this.#ask(request.channel, () => this.#afterCatchingUp(() => this.#context.logs.history(request)), done);
  }

  snapshot(channel: string, _options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    this.#ask(channel, () => this.#afterCatchingUp(() => this.#context.states.snapshot(channel)), done);
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#ask(channel, () => this.#remove(channel, options), done);
  }

  /** Takes nothing more; resolves when everything that was asked for has been answered. */
  async end(): Promise<void> {
    this.#isClosed = true;
    await this.#lanes.empty();
  }

  close(): void {
    this.#isClosed = true;
  }

  get #now(): number {
    return this.#context.parts.context.ports.monotonicMs();
  }

  #refusal(): Failure | null {
    if (this.#isClosed) return UNREACHABLE;
    return this.#lanes.hasRoom ? null : TOO_MUCH;
  }

  #queueAppend(request: AppendRequest): Failure | null {
    const { channel, options, data, idempotency } = request;
    const refusal = this.#refusal() ?? (options.kind === "log" ? null : wrongKind(channel, "log"));
    if (refusal !== null) return refusal;
    // Without room for its id an append may still be a repetition of one that is remembered.
    const hasRoom = idempotency === null || this.#room.take();
    const bytes = REQUEST_BYTES + (data?.length ?? 0);
    this.#lanes.add(channel, { kind: "append", request, hasRoom, bytes, sinceMs: this.#now });
    return null;
  }

  /** Asks behind what the channel has under way. */
  #ask<T>(channel: string, ask: () => Promise<Answer<T>>, done: (answer: Answer<T>) => void): void {
    const refusal = this.#refusal();
    if (refusal !== null) return done(refusal);
    const run = (): Promise<void> => this.#answer(ask(), done);
    this.#lanes.add(channel, { kind: "ask", run, refuse: done, bytes: REQUEST_BYTES, sinceMs: this.#now });
    this.#lanes.start(channel);
  }

  /** Nothing is handed out to users before it is known whose access was revoked while this node was cut off (P7). */
  async #afterCatchingUp<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
    const { bus, context } = this.#context.parts;
    if (bus().isCaughtUp) return ask();
    let timer: Timer | null = null;
    const late = new Promise<void>((resolve) => {
      timer = context.ports.after(this.#context.bounds.waitMs, resolve);
    });
    await Promise.race([bus().caughtUp(), late]);
    (timer as Timer | null)?.cancel();
    return bus().isCaughtUp ? ask() : UNREACHABLE;
  }

  async #answer<T>(asking: Promise<Answer<T>>, done: (answer: Answer<T>) => void): Promise<void> {
    let answer: Answer<T>;
    try {
      answer = await asking;
    } catch (error) {
      answer = explain(this.#context.parts, error);
    }
    done(answer);
  }

  async #subscribe(subscribed: Subscribed): Promise<Answer<Position>> {
    const { parts, subscriptions, untilNext, bounds } = this.#context;
    const { channel, options } = subscribed;
    if (!subscribed.isActive) {
      await new Promise<void>((resolve) => {
        const timer = parts.context.ports.after(bounds.waitMs, resolve);
        subscribed.waiting.push(() => {
          timer.cancel();
          resolve();
        });
      });
      if (!subscribed.isActive) return UNREACHABLE;
    }
    const { broker, keys, context, headMs } = parts;
    const args = [context.ports.id(), headMs, options.kind === "log" ? "l" : "s"];
    const reply = listOf(await broker.run(subscribed.bucket, SCRIPTS.top, keys.top(channel), args));
    const place = readPlace(textAt(reply, 0));
    if (subscriptions.get(channel) === subscribed) {
      subscriptions.settle(subscribed, place, numberAt(reply, 2) ?? 0);
      untilNext(channel, numberAt(reply, 1));
    }
    return { ok: true, value: place.position };
  }

  async #remove(channel: string, options: ChannelOptions): Promise<Answer<Position>> {
    const { broker, keys, context, headMs } = this.#context.parts;
    const { kind } = options;
    const args = [context.ports.id(), headMs, kind === "log" ? "l" : "s", keys.live(channel), channel];
    const bucket = bucketOf(channel);
    const reply = listOf(await broker.run(bucket, SCRIPTS.remove, keys.removal(channel, kind), args));
    return { ok: true, value: readPlace(textAt(reply, 0)).position };
  }
}
