import type { Position } from "@carillon/protocol";
import type { BackplaneContext, OpenBackplane } from "../../backplane/backplane.ts";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  ChannelStore,
  HistoryPage,
  HistoryRequest,
  Page,
  ReadRequest,
  Snapshot,
  StoreCapabilities,
} from "../../backplane/channel-store.ts";
import type { Control } from "../../backplane/control.ts";
import type { ChannelRecord } from "../../backplane/records.ts";
import type { TicketStore } from "../../backplane/ticket-store.ts";
import { brokerControl } from "./broker-control.ts";
import { brokerCredentials, type AskBroker } from "./broker-credentials.ts";
import { DeliveryLine, type DeliveryTrouble } from "./delivery-line.ts";
import { FailureOrder } from "./failure-order.ts";
import { isRetryable, UNAVAILABLE, type BrokerLinkOptions, type LinkBroker } from "./link-broker.ts";
import type { Machine } from "./world.ts";
import { Wire } from "./wire.ts";

/** What of the broker's the connection has: the channels whose changes it is told. */
type Session = { readonly subscribed: Set<string> };

/** How often a node asks whether it missed something (P6). */
const PROBE_MS = 1_000;

/**
 * One node's connection to the broker: what a driver of a real one does. Requests, answers and deliveries travel on
 * lines of their own, so that each may overtake the others. While the connection is lost, everything fails as
 * `unavailable`; what was under way may have had its effect all the same.
 */
export class BrokerLink implements ChannelStore {
  readonly capabilities: StoreCapabilities = { durable: true, distributed: true, entryTtl: true };
  readonly machine: Machine;
  readonly tickets: TicketStore;
  readonly #broker: LinkBroker;
  readonly #control: Control;
  readonly #context: BackplaneContext;
  readonly #requests: Wire;
  readonly #answers: Wire;
  readonly #deliveries: DeliveryLine;
  readonly #controls: Wire;
  #session: Session | null = null;
  #isPartitioned = false;
  #epoch = "";
  /** Grows each time the node begins anew: what it has set before is not its own any more. */
  #turn = 0;
  /** The life of the broker's disk in which it set it. */
  #life: number;
  /** Channels that the node wants to hear of, and the position after the last delivery of each. */
  readonly #wanted = new Map<string, { readonly options: ChannelOptions; last: Position | null }>();
  #outstanding = new Set<() => void>();
  readonly #failures = new FailureOrder();
  /** Control messages taken so far, of all that the broker has. */
  #taken: number;
  /** Control messages that could not be sent. */
  #unsent: (() => void)[] = [];

  constructor(options: BrokerLinkOptions) {
    this.#broker = options.broker;
    this.machine = options.machine;
    this.#context = options.context;
    this.#taken = this.#broker.controls.length;
    this.#life = this.#broker.life;
    const random = this.#broker.random.fork(this.machine.name);
    const delayMs = (): number => random.int(0, options.delayMaxMs);
    const wire = (): Wire => new Wire(this.#broker.world, delayMs);
    this.#requests = wire();
    this.#answers = wire();
    this.#deliveries = new DeliveryLine(this.#broker.world, random, delayMs);
    this.#controls = wire();
    const ask: AskBroker = (done, work) => this.#ask(UNAVAILABLE, done, work);
    this.tickets = brokerCredentials(this.#broker, ask);
    this.#control = brokerControl(this.#broker, this.machine.name, (act) => this.#send(act), ask);
  }

  get idempotencyEpoch(): string {
    return this.#epoch;
  }

  /** What the node's entries carry. */
  get incarnation(): string {
    return `${this.machine.name} ${this.#turn}`;
  }

  /** How many channels the node is told of. */
  get subscriptions(): number {
    return this.#wanted.size;
  }

  /** True while the node can reach the broker. */
  get isConnected(): boolean {
    return this.#session !== null;
  }

  /** Opens it; `done` is called once the broker can be reached. */
  open(done: (backplane: OpenBackplane) => void): void {
    this.#connect();
    this.#probeLater();
    const { tickets, machine } = this;
    const close = (closed: () => void): void => {
      this.close();
      closed();
    };
    const opened = (): void => {
      if (this.#session === null) machine.after(50, opened);
      else done({ channels: this, tickets, control: this.#control, close });
    };
    opened();
  }

  // --- what befalls it ---

  /** The connection is lost. */
  disconnect(): void {
    if (this.#session === null) return;
    this.#session = null;
    const { random } = this.#broker;
    this.#requests.cut(random);
    this.#answers.cut(null);
    this.#deliveries.cut();
    this.#controls.cut(null);
    this.#failures.allAnswered();
    const failed = this.#outstanding;
    this.#outstanding = new Set();
    if (this.machine.isStopped) return;
    this.#context.sink.available(false);
    this.#broker.lost(this);
    for (const fail of failed) fail();
  }

  /** The broker is back: the node finds it after a while. */
  reconnect(): void {
    this.machine.after(this.#broker.random.int(1, 300), () => this.#connect());
  }

  /** This node alone can't reach the broker for a while. */
  partition(forMs: number): void {
    this.#isPartitioned = true;
    this.disconnect();
    this.#broker.world.after(forMs, () => {
      this.#isPartitioned = false;
      this.reconnect();
    });
  }

  /** The connection is lost in the middle of what is under way, and is made again. */
  cut(): void {
    this.disconnect();
    this.reconnect();
  }

  /** Nothing gets through for a while, in either direction, and nobody is told. */
  stall(forMs: number): void {
    const untilMs = this.#broker.world.nowMs + forMs;
    for (const line of [this.#requests, this.#answers, this.#deliveries, this.#controls]) line.hold(untilMs);
  }

  /** Live deliveries have trouble for a while. */
  trouble(trouble: DeliveryTrouble, forMs: number): void {
    this.#deliveries.trouble(trouble, forMs);
  }

  /** Live deliveries have no trouble any more. */
  calm(): void {
    this.#deliveries.calm();
  }

  // --- what the broker tells ---

  /** Items of a channel. */
  deliver(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    if (this.#session?.subscribed.has(channel) !== true) return;
    this.#deliveries.deliver(() => {
      const wanted = this.#wanted.get(channel);
      if (this.machine.isStopped || wanted === undefined) return;
      wanted.last = pos;
      this.#context.sink.deliver(channel, prev, pos, records);
    });
  }

  /** There is a control message. */
  controlled(): void {
    if (this.#session !== null) this.#controls.send(() => this.#takeControls());
  }

  // --- what the node asks ---

  subscribe(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    const wanted = this.#wanted.get(channel) ?? { options, last: null };
    this.#wanted.set(channel, wanted);
    this.#ask<Answer<Position>>(UNAVAILABLE, done, (answer, session) => {
      if (this.#wanted.get(channel) !== wanted) return answer(UNAVAILABLE);
      session.subscribed.add(channel);
      const top = this.#broker.top(channel, options);
      this.#deliveries.confirm(() => {
        wanted.last = top;
      });
      answer({ ok: true, value: top });
    });
  }

  unsubscribe(channel: string): void {
    this.#wanted.delete(channel);
    this.#send(() => {
      // It may have been wanted again since.
      if (!this.#wanted.has(channel)) this.#session?.subscribed.delete(channel);
    });
  }

  append(batch: readonly AppendRequest[]): void {
    for (const request of batch) {
      const scope = `${request.channel} ${request.idempotency?.scope ?? ""}`;
      const isRefused = this.#failures.handedIn(scope);
      const done = (result: AppendResult): void => {
        if (isRetryable(result)) this.#failures.answered(scope);
        request.done(result);
      };
      this.#ask<AppendResult>(UNAVAILABLE, done, (answer) => {
        this.#broker.append(request, isRefused, (result) => {
          if (isRetryable(result)) this.#failures.failed(scope);
          answer(result);
        });
      });
    }
  }

  apply(batch: readonly ApplyRequest[]): void {
    for (const request of batch) {
      this.#ask<ApplyResult>(UNAVAILABLE, request.done, (answer) =>
        this.#broker.apply(request, this.incarnation, answer),
      );
    }
  }

  read(request: ReadRequest, done: (answer: Answer<Page>) => void): void {
    this.#look(request.channel, request.options, done, (store, answer) => store.channels.read(request, answer));
  }

  history(request: HistoryRequest, done: (answer: Answer<HistoryPage>) => void): void {
    this.#look(request.channel, request.options, done, (store, answer) => store.channels.history(request, answer));
  }

  snapshot(channel: string, options: ChannelOptions, done: (answer: Answer<Snapshot>) => void): void {
    this.#look(channel, options, done, (store, answer) => store.channels.snapshot(channel, options, answer));
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#ask<Answer<Position>>(UNAVAILABLE, done, (answer) => this.#broker.remove(channel, options, answer));
  }

  close(): void {
    this.disconnect();
    this.#wanted.clear();
  }

  #look<T>(
    channel: string,
    options: ChannelOptions,
    done: (answer: Answer<T>) => void,
    question: (store: OpenBackplane, done: (answer: Answer<T>) => void) => void,
  ): void {
    this.#ask<Answer<T>>(UNAVAILABLE, done, (answer) => answer(this.#broker.look(channel, options, question)));
  }

  /** A request and its answer, once: the failure, if the connection is lost before the answer. */
  #ask<R>(failure: R, done: (result: R) => void, work: (answer: (result: R) => void, session: Session) => void): void {
    const session = this.#session;
    if (session === null) return void this.machine.after(1, () => done(failure));
    const fail = (): void => done(failure);
    this.#outstanding.add(fail);
    this.#requests.send(() => {
      if (!this.#broker.isUp) return;
      work((result) => {
        if (this.#session !== session) return;
        this.#answers.send(() => {
          if (!this.machine.isStopped && this.#outstanding.delete(fail)) done(result);
        });
      }, session);
    });
  }

  /** A message that wants no answer, and that is not lost with a connection. */
  #send(act: () => void): void {
    if (this.#session === null) {
      this.#unsent.push(act);
      return;
    }
    let isDone = false;
    const once = (): void => {
      if (isDone || !this.#broker.isUp) return;
      isDone = true;
      this.#outstanding.delete(again);
      act();
    };
    const again = (): void => {
      if (!isDone) this.#unsent.push(once);
    };
    this.#outstanding.add(again);
    this.#requests.send(once);
  }

  #connect(): void {
    if (this.#session !== null || !this.#broker.isUp || this.#isPartitioned || this.machine.isStopped) return;
    this.#session = { subscribed: new Set() };
    this.#epoch = this.#broker.idempotencyEpoch;
    this.#context.sink.available(true);
    // What was to be ended while the node could not hear of it is ended before anything is delivered (P7).
    this.#takeControls();
    for (const act of this.#unsent.splice(0)) this.#send(act);
    this.#beginAnew();
    // Being told may end or begin an interest, so the list is taken first.
    const wanted = Array.from(this.#wanted.keys());
    for (const channel of wanted) this.#context.sink.suspect(channel);
  }

  /** The node may have been taken for dead, or the broker have gone back: what its sessions own is set again. */
  #beginAnew(): void {
    const before = this.incarnation;
    this.#turn++;
    this.#life = this.#broker.life;
    this.#broker.left(before);
    this.#context.sink.ownershipLost(null);
  }

  #takeControls(): void {
    const { controls } = this.#broker;
    while (this.#session !== null && this.#taken < controls.length && !this.machine.isStopped) {
      const message = controls[this.#taken++];
      if (message !== undefined) this.#context.onControl(message);
    }
  }

  /** A node asks each second where its channels stand; the answer comes behind what was delivered (P6). */
  #probeLater(): void {
    this.machine.after(PROBE_MS, () => {
      this.#probe();
      this.#probeLater();
    });
  }

  #probe(): void {
    const session = this.#session;
    if (session === null) return;
    if (this.#life !== this.#broker.life) this.#beginAnew();
    if (this.#wanted.size === 0 || this.#context.faults.has("no-silence-watch")) return;
    const asked = [...this.#wanted];
    this.#requests.send(() => {
      if (!this.#broker.isUp || this.#session !== session) return;
      const tops = asked.map(([channel, wanted]) => {
        const isNew = this.#wanted.get(channel) === wanted && !session.subscribed.has(channel);
        if (isNew) session.subscribed.add(channel);
        return [channel, wanted, this.#broker.top(channel, wanted.options), isNew] as const;
      });
      this.#deliveries.confirm(() => {
        for (const [channel, wanted, top, isNew] of tops) {
          if (this.#wanted.get(channel) !== wanted || (wanted.last === top && !isNew)) continue;
          wanted.last = top;
          this.#broker.world.count("losses noticed");
          this.#context.sink.suspect(channel);
        }
      });
    });
  }
}
