import type { Position } from "@carillon/protocol";
import {
  BatchOrder,
  formatPlace,
  OUT_OF_ORDER,
  unknownPublication,
  wrongKind,
  type Answer,
  type AppendRequest,
  type AppendResult,
  type ApplyRequest,
  type BackplaneContext,
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
import type { Channel } from "./channel.ts";
import { broken, type ChannelTable, type StoreParts } from "./channel-table.ts";
import type { ChannelHead } from "./head-codec.ts";
import type { IdMemory } from "./id-memory.ts";
import { LogReader } from "./log-reader.ts";
import { LogStore } from "./log-store.ts";
import { Outgoing } from "./outgoing.ts";
import { StateReader } from "./state-reader.ts";
import type { Applied, StateStore } from "./state-store.ts";

/** A damaged page that many ask for is written down this often. */
const QUIET_MS = 1_000;

/** What the channels of a folder are made of. */
export interface ChannelParts extends StoreParts {
  readonly table: ChannelTable;
  readonly ids: IdMemory;
  readonly states: StateStore;
  readonly context: BackplaneContext;
}

/**
 * Channels in a folder. What is asked for is decided at once, on top of what was decided before; it is acknowledged,
 * delivered and readable once the commit that it is part of has been synced, and answers come in the order of decisions.
 */
export class LmdbChannels implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: true, distributed: false, entryTtl: true };
  readonly #parts: ChannelParts;
  readonly #logs: LogStore;
  readonly #logReader: LogReader;
  readonly #stateReader: StateReader;
  #outgoing: Outgoing | null = null;
  #quietUntilMs = 0;
  #lastFailure: Failure | null = null;
  readonly #failedFirst = new Set<string>();

  constructor(parts: ChannelParts) {
    const { context } = parts;
    this.#parts = parts;
    this.#logs = new LogStore(parts, context.faults);
    this.#logReader = new LogReader(parts, context.faults);
    this.#stateReader = new StateReader(parts, context.faults);
  }

  /** What is written to logs, for whoever trims them. */
  get logs(): LogStore {
    return this.#logs;
  }

  get idempotencyEpoch(): string {
    return this.#parts.state.idsEpoch;
  }

  subscribe(name: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const answer = this.#guarded<Answer<Position>>(() => {
      const channel = this.#parts.table.get(name, options);
      channel.isSubscribed = true;
      return { ok: true, value: formatPlace(channel.durable.top) };
    });
    done(answer);
  }

  unsubscribe(name: string): void {
    const channel = this.#parts.table.peek(name);
    if (channel !== undefined) channel.isSubscribed = false;
  }

  append(batch: readonly AppendRequest[]): void {
    const order = new BatchOrder();
    for (const request of batch) {
      const result = order.run(request, (next) => this.#guarded(() => this.#append(next)));
      if (result !== null) request.done(result);
      this.#parts.queue.split();
    }
  }

  apply(batch: readonly ApplyRequest[]): void {
    for (const request of batch) {
      const failure = this.#guarded(() => this.#apply(request));
      if (failure !== null) request.done(failure);
      this.#parts.queue.split();
    }
  }

  read(request: ReadRequest, done: (answer: Answer<Page>) => void): void {
    const { channel: name, options, after, bounds } = request;
    const answer = this.#guarded<Answer<Page>>(() => {
      const channel = this.#parts.table.get(name, options);
      const head = this.#readable(channel, options);
      if (head.kind !== options.kind) return wrongKind(name, options.kind);
      const page =
        head.kind === "log"
          ? this.#logReader.read(channel, head, request)
          : this.#stateReader.read(head, after, bounds);
      return { ok: true, value: page };
    });
    done(answer);
  }

  history(request: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void {
    const { channel: name, options } = request;
    // What was appended before is in the page, durable or failed by then.
    this.#parts.queue.afterAll(() => {
      const answer = this.#guarded<Answer<HistoryPage>>(() => {
        const channel = this.#parts.table.get(name, options);
        const head = this.#readable(channel, options);
        if (head.kind !== "log") return wrongKind(name, "log");
        return { ok: true, value: this.#logReader.history(channel, head, request) };
      });
      done(answer);
    });
  }

  snapshot(name: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    this.#parts.queue.afterAll(() => {
      const answer = this.#guarded<Answer<Snapshot>>(() => {
        const head = this.#readable(this.#parts.table.get(name, options), options);
        if (head.kind !== "state") return wrongKind(name, "state");
        return { ok: true, value: this.#stateReader.snapshot(head) };
      });
      done(answer);
    });
  }

  remove(name: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const { queue, table } = this.#parts;
    const failure = this.#guarded(() => {
      if (queue.refusal !== null) return queue.refusal;
      const channel = table.get(name, options);
      table.restart(channel, options);
      const top = formatPlace(channel.ahead.top);
      // An empty delivery that does not link to anything tells every subscriber to look, and so to find the gap.
      this.#out().deliver(channel, top, top, []);
      this.#out().answer((failed) => done(failed ?? { ok: true, value: top }));
      return null;
    });
    if (failure !== null) done(failure);
  }

  /** Delivers what the store did by itself, once it is durable. */
  announce(channel: Channel, { before, after, records }: Applied): void {
    if (records.length > 0) this.#out().deliver(channel, formatPlace(before.top), formatPlace(after.top), records);
  }

  close(): void {
    // The queue belongs to the backplane, which closes it; nothing is delivered once nobody is subscribed.
    this.#parts.table.clear();
  }

  #append(request: AppendRequest): AppendResult | null {
    const { queue, ids, table } = this.#parts;
    const { idempotency, channel: name, options } = request;
    if (queue.refusal !== null) return queue.refusal;
    const out = this.#out();
    const earlier = idempotency === null ? null : ids.check(request, idempotency);
    if (earlier !== null) return earlier === "later" ? null : earlier;
    const channel = table.get(name, options);
    if (request.amend !== null && channel.ahead.number === 0) return unknownPublication(request.amend.target);
    const head = table.writable(channel, options);
    if (head === null || options.kind !== "log") return wrongKind(name, "log");
    const prev = channel.position;
    const appended = this.#logs.append(channel, head, request);
    if (!appended.ok) return appended;
    const { record } = appended;
    const pos = channel.position;
    const result = { ok: true, pos, at: record.at, duplicate: false } as const;
    if (idempotency !== null) ids.remember(request, idempotency, result);
    out.deliver(channel, prev, pos, [record]);
    out.answer((failure) => request.done(failure === null ? result : this.#failed(request, failure)));
    return null;
  }

  /** The commit failed: the first append of its channel and scope is to be sent again, then those behind it (P2). */
  #failed({ channel, idempotency }: AppendRequest, failure: Failure): Failure {
    // Everything that fails together is told at once, with one failure.
    if (this.#lastFailure !== failure) this.#failedFirst.clear();
    this.#lastFailure = failure;
    const key = `${channel}\n${idempotency?.scope ?? ""}`;
    if (this.#failedFirst.has(key)) return OUT_OF_ORDER;
    this.#failedFirst.add(key);
    return failure;
  }

  #apply(request: ApplyRequest): Failure | null {
    const { queue, table, states } = this.#parts;
    const { channel: name, options, change } = request;
    if (queue.refusal !== null) return queue.refusal;
    const channel = table.get(name, options);
    if (change.op === "release") {
      // Who owns what is looked up on disk, so what was set before has to be there. A later session is not in danger:
      // its entries name it as their holder.
      if (channel.isSettled) this.#finish(channel, request, states.release(channel, change));
      else queue.afterAll(() => this.#releaseLater(channel, request));
      return null;
    }
    // The timer may be late, and no change may find an entry whose time is over.
    const due = options.ttlMs === 0 ? null : states.expireDue(channel, change.key);
    if (due !== null) this.announce(channel, due);
    const applied = options.kind === "state" ? states.apply(channel, options, change) : null;
    if (applied === null) return wrongKind(name, "state");
    if (!applied.ok) return applied;
    this.#finish(channel, request, applied);
    return null;
  }

  #releaseLater(channel: Channel, request: ApplyRequest): void {
    const failure = this.#guarded(() => {
      const { change } = request;
      if (change.op === "release") this.#finish(channel, request, this.#parts.states.release(channel, change));
      return null;
    });
    if (failure !== null) request.done(failure);
  }

  #finish(channel: Channel, request: ApplyRequest, applied: Applied): void {
    const { after, version } = applied;
    this.announce(channel, applied);
    const result = { ok: true, pos: formatPlace(after.top), version } as const;
    this.#out().answer((failure) => request.done(failure ?? result));
  }

  /** The channel as it is on disk at this moment, which may be newer than what was announced. */
  #readable({ name, durable, isSettled }: Channel, { kind }: ChannelOptions): ChannelHead {
    const stored = durable.number === 0 && isSettled ? undefined : this.#parts.table.stored(name);
    return stored ?? { ...durable, kind };
  }

  /** What is delivered and answered when the open layer has settled. */
  #out(): Outgoing {
    const { queue, context } = this.#parts;
    if (this.#outgoing?.layer === queue.layer) return this.#outgoing;
    const outgoing = new Outgoing(queue.layer, context.sink);
    this.#outgoing = outgoing;
    queue.settled((failure) => outgoing.settle(failure));
    return outgoing;
  }

  /** What the work comes to, or that the store is broken: no method throws. */
  #guarded<T>(work: () => T): T | Failure {
    try {
      return work();
    } catch (error) {
      const { ports, logger } = this.#parts.context;
      const nowMs = ports.monotonicMs();
      if (nowMs >= this.#quietUntilMs)
        logger.error("The store could not do what it was asked.", { error: String(error) });
      this.#quietUntilMs = nowMs + QUIET_MS;
      return broken(error);
    }
  }
}
