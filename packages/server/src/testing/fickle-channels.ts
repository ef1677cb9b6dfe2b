import { RETRYABLE_CODES, type Position } from "@carillon/protocol";
import type { BackplaneContext } from "../backplane/backplane.ts";
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
  StoreSink,
} from "../backplane/channel-store.ts";
import { MemoryChannels } from "../backplane/memory-channels.ts";
import type { ChannelRecord } from "../backplane/records.ts";
import { Line } from "./line.ts";
import { RecordedLogs } from "./recorded-logs.ts";

/** Who is told what truly happened in a store, at the moment it happened. */
export interface StoreWitness {
  /** A publication or amendment was appended, or refused, or found to be there already. */
  appended?(request: AppendRequest, result: AppendResult): void;
  /** A change of state was made or refused. */
  applied?(request: ApplyRequest, result: ApplyResult): void;
  /** A channel began a new life. */
  removed?(channel: string, top: Position): void;
}

/**
 * What becomes of a request: it is `kept`, `refused` without effect, or `lost`: it has its effect, and the answer is
 * that the store can't be reached.
 */
export type Fate = "kept" | "refused" | "lost";

/** Settings of {@link FickleChannels}. */
export interface FickleOptions {
  /** Milliseconds that the next message to or from the store takes; null: everything is answered within the call. */
  readonly delayMs: (() => number) | null;
  /** Decides on the next request. Default: all are kept. */
  readonly fate?: () => Fate;
  readonly witness?: StoreWitness;
}

/**
 * A store that keeps what a `ChannelStore` promises and nothing beyond: the memory store, behind lines that take their
 * time. Requests take effect in order and later; answers and deliveries travel on lines of their own, so that each may
 * overtake the other. It may fail now and then. And its logs can be rolled back to what they were some appends ago, as those of a broker that is
 * restored from an old copy.
 */
export class FickleChannels implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: false, distributed: false, entryTtl: true };
  readonly #witness: StoreWitness;
  readonly #fate: () => Fate;
  readonly #sink: StoreSink;
  readonly #logs: RecordedLogs;
  readonly #states: MemoryChannels;
  readonly #requests: Line;
  readonly #answers: Line;
  /** Of logs, and of states: a roll back takes what logs were about to deliver. */
  readonly #deliveries: { readonly log: Line; readonly state: Line };
  /** When the latest failure that invites a repetition was answered, by channel and scope; Infinity: not yet. */
  readonly #failures = new Map<string, number>();
  /** Counts appends that were handed in and failures that were answered. */
  #time = 0;
  /** Channels with a subscription that is active or on its way, and which one it is. */
  readonly #subscribed = new Map<string, { readonly options: ChannelOptions }>();

  constructor(context: BackplaneContext, { delayMs, fate = () => "kept", witness = {} }: FickleOptions) {
    this.#witness = witness;
    this.#fate = fate;
    this.#sink = context.sink;
    const sink: StoreSink = { ...quiet, deliver: (...delivery) => this.#deliver(...delivery) };
    this.#logs = new RecordedLogs({ ...context, sink });
    this.#states = new MemoryChannels({ ...context, sink });
    this.#requests = new Line(context.ports, delayMs);
    this.#answers = new Line(context.ports, delayMs);
    this.#deliveries = { log: new Line(context.ports, delayMs), state: new Line(context.ports, delayMs) };
  }

  get idempotencyEpoch(): string {
    return this.#logs.store.idempotencyEpoch;
  }

  /** True while nothing is under way. */
  get isIdle(): boolean {
    return (
      this.#requests.isEmpty && this.#answers.isEmpty && this.#deliveries.log.isEmpty && this.#deliveries.state.isEmpty
    );
  }

  subscribe(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    // Who asks again goes on with the subscription that is there: nothing that is under way is lost.
    const subscription = this.#subscribed.get(channel) ?? { options };
    this.#subscribed.set(channel, subscription);
    this.#requests.send(() => {
      // It may have been ended before it was active.
      const isCurrent = this.#subscribed.get(channel) === subscription;
      if (!isCurrent || this.#fate() !== "kept") return this.#answers.send(() => done(UNAVAILABLE));
      this.#on(channel, options, (store) =>
        store.subscribe(channel, options, (answer) => this.#answers.send(() => done(answer))),
      );
    });
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscribed.get(channel);
    this.#subscribed.delete(channel);
    if (subscription === undefined) return;
    this.#requests.send(() => {
      if (this.#subscribed.has(channel)) return;
      this.#on(channel, subscription.options, (store) => store.unsubscribe(channel));
    });
  }

  append(batch: readonly AppendRequest[]): void {
    const handedIn = ++this.#time;
    this.#requests.send(() => {
      for (const request of batch) this.#append(request, handedIn);
    });
  }

  apply(batch: readonly ApplyRequest[]): void {
    this.#requests.send(() => {
      for (const request of batch) {
        const fate = this.#fate();
        const done = (result: ApplyResult): void => {
          this.#witness.applied?.(request, result);
          this.#answers.send(() => request.done(fate === "kept" ? result : UNAVAILABLE));
        };
        if (fate === "refused") this.#answers.send(() => request.done(UNAVAILABLE));
        else this.#states.apply([{ ...request, done }]);
      }
    });
  }

  read(request: ReadRequest, done: (answer: Answer<Page>) => void): void {
    const { channel, options } = request;
    this.#ask(channel, options, done, (store, answer) => store.read(request, answer));
  }

  history(request: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void {
    const { channel, options } = request;
    this.#ask(channel, options, done, (store, answer) => store.history(request, answer));
  }

  snapshot(channel: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    this.#ask(channel, options, done, (store, answer) => store.snapshot(channel, options, answer));
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#requests.send(() => {
      const finish = (answer: Answer<Position>): void => {
        if (answer.ok) this.#witness.removed?.(channel, answer.value);
        this.#answers.send(() => done(answer));
      };
      if (options.kind === "log") this.#logs.remove(channel, options, finish);
      else this.#states.remove(channel, options, finish);
    });
  }

  close(): void {
    this.#logs.store.close();
    this.#states.close();
  }

  /**
   * Makes all logs what they were some `appends` ago, the memory of publication ids included. `isNoticed`: the store
   * knows that it lost touch, and says so; otherwise the next delivery has to give it away.
   */
  rollBack(appends: number, isNoticed: boolean): void {
    const logs = [...this.#subscribed].filter(([, { options }]) => options.kind === "log");
    this.#deliveries.log.drop();
    this.#logs.rollBack(appends);
    for (const [channel, { options }] of logs) this.#logs.store.subscribe(channel, options, () => {});
    if (isNoticed) for (const [channel] of logs) this.#sink.suspect(channel);
  }

  /** The top of a channel as of now. */
  top(channel: string, options: ChannelOptions): Position {
    let top = "";
    const tell = (answer: Answer<{ readonly pos: Position }>): void => {
      if (answer.ok) top = answer.value.pos;
    };
    this.#on(channel, options, (store) => {
      if (options.kind === "state") store.snapshot(channel, options, tell);
      else store.history({ channel, options, before: null, limit: 0 }, tell);
    });
    return top;
  }

  /** Asks a question, which gets the answer that is right when it reaches the store. */
  #ask<T>(
    channel: string,
    options: ChannelOptions,
    done: (answer: Answer<T>) => void,
    question: (store: MemoryChannels, answer: (answer: Answer<T>) => void) => void,
  ): void {
    this.#requests.send(() => {
      if (this.#fate() !== "kept") return this.#answers.send(() => done(UNAVAILABLE));
      this.#on(channel, options, (store) => question(store, (answer) => this.#answers.send(() => done(answer))));
    });
  }

  #append(request: AppendRequest, handedIn: number): void {
    const scope = `${request.channel} ${request.idempotency?.scope}`;
    // What was handed in behind a failure, and before that was answered, fails with it: its sender could not know.
    if ((this.#failures.get(scope) ?? 0) > handedIn) return this.#answer(request, scope, OUT_OF_ORDER);
    const fate = this.#fate();
    if (fate === "refused") return this.#answer(request, scope, UNAVAILABLE);
    const done = (result: AppendResult): void => {
      this.#witness.appended?.(request, result);
      this.#answer(request, scope, fate === "lost" ? UNAVAILABLE : result);
    };
    this.#logs.append([{ ...request, done }]);
  }

  #answer(request: AppendRequest, scope: string, result: AppendResult): void {
    const isFailed = !result.ok && RETRYABLE_CODES.includes(result.code);
    if (isFailed) this.#failures.set(scope, Infinity);
    this.#answers.send(() => {
      if (isFailed) this.#failures.set(scope, ++this.#time);
      request.done(result);
    });
  }

  #on(channel: string, options: ChannelOptions, work: (store: MemoryChannels) => void): void {
    if (options.kind === "log") this.#logs.touch(channel, options, work);
    else work(this.#states);
  }

  #deliver(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    const subscription = this.#subscribed.get(channel);
    if (subscription === undefined) return;
    this.#deliveries[subscription.options.kind].send(() => {
      if (this.#subscribed.get(channel) === subscription) this.#sink.deliver(channel, prev, pos, records);
    });
  }
}

const UNAVAILABLE: Failure = { ok: false, code: "unavailable", message: "The store can't be reached." };
const OUT_OF_ORDER: AppendResult = {
  ok: false,
  code: "out_of_order",
  message: "An earlier publish to the channel failed; send that one again first.",
};
const quiet: StoreSink = { deliver: () => {}, suspect: () => {}, available: () => {}, ownershipLost: () => {} };
