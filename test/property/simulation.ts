import { defineContract, log, state, type Schema } from "@carillon/protocol";
import {
  createKernel,
  DEFAULT_LIMITS,
  FickleChannels,
  GAUGES,
  VirtualWorld,
  type ChannelOptions,
  type Faults,
  type Kernel,
  type Limits,
  type MemoryConnection,
} from "@carillon/server/testing";
import { LogOracle } from "./log-oracle.ts";
import { ModelClient, type Attempt, type Judge, type Shown, type View } from "./model-client.ts";
import { StateOracle, type Ending } from "./state-oracle.ts";
import { demand } from "./violation.ts";

/** What is drawn for a whole run. */
export interface Setting {
  readonly seed: number;
  /** The store answers later, and out of step with what it delivers. */
  readonly isStoreLate: boolean;
  /** Permission is given later. */
  readonly isRuleLate: boolean;
  /** Bytes that the network holds for a stalled reader. */
  readonly bufferBytes: number;
  /** The store remembers few ids, and a session may have few commands in flight. */
  readonly isTight: boolean;
}

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };

const CONTRACT = defineContract({
  channels: {
    "log:{id}": log({ data: ANYTHING, history: { size: 6, ttl: "20s" } }),
    "room:{id}": log({ data: ANYTHING, history: { size: 1000, ttl: "1d" }, presence: ANYTHING }),
    "own:{id}": state({ value: ANYTHING, ttl: "8s" }),
    "held:{id}": state({ value: ANYTHING }),
    "board:{id}": state({ value: ANYTHING, owned: false, coalesce: "20ms" }),
  },
});

export const LOGS = ["log:a", "room:a"] as const;
export const STATES = ["own:a", "held:a", "board:a", "@presence:room:a"] as const;

const LIMITS = {
  outboxBytes: 1_500,
  pageItems: 4,
  pageBytes: 600,
  stateEntries: 6,
  stateJournal: 8,
  idempotencyWindowMs: 15_000,
  stallTimeoutMs: 12_000,
} as const satisfies Partial<Limits>;
const TIGHT = { idempotencyEntries: 12, commandsInFlight: 4 } as const satisfies Partial<Limits>;
const DRAIN_BYTES = 700;
/** Longest way of one message to or from a late store, in milliseconds. */
const DELAY_MAX_MS = 4;
/** Rounds in which everything must come to rest. */
const ROUNDS_MAX = 2_000;

/**
 * One world with a node, its store and some clients, and the judges of what they are told. Commands of a scenario act on
 * it; whatever does not hold throws.
 */
export class Simulation implements Judge {
  readonly world: VirtualWorld;
  readonly kernel: Kernel;
  readonly clients: readonly ModelClient[];
  readonly logs: LogOracle;
  readonly states: StateOracle;
  /** What this run has seen. */
  readonly seen = { resumeAfterTrim: false, duplicate: false, slowReader: false, rollBack: false };
  readonly #setting: Setting;
  readonly #endings = new Map<string, Ending>();
  readonly #sessions = new Map<MemoryConnection, string>();
  readonly #connections: MemoryConnection[] = [];
  readonly #options = new Map<string, ChannelOptions>();
  /** Logs that may have been rolled back without notice, and were not appended to since. */
  readonly #silent = new Set<string>();
  #store: FickleChannels | null = null;
  #delivering: MemoryConnection | null = null;

  constructor(setting: Setting, faults: Faults) {
    this.#setting = setting;
    this.world = new VirtualWorld({ seed: setting.seed });
    const { world } = this;
    this.logs = new LogOracle(() => world.wallMs());
    const limits = { ...LIMITS, ...(setting.isTight ? TIGHT : {}) };
    this.states = new StateOracle({
      nowMs: () => world.monotonicMs(),
      endOf: (session) => this.#endings.get(session) ?? null,
      graceMs: DEFAULT_LIMITS.graceMs,
      delayMaxMs: setting.isStoreLate ? 3 * DELAY_MAX_MS : 0,
      entriesMax: LIMITS.stateEntries,
    });
    this.kernel = this.#open(limits, faults);
    for (const channel of LOGS) this.logs.opened(channel, this.options(channel), this.store.top(channel, this.options(channel)));
    for (const channel of STATES) this.states.opened(channel, this.options(channel));
    const clientWorld = {
      accept: () => this.#accept(),
      ticket: (user: string) => this.kernel.ticket(user),
      nowMs: () => world.monotonicMs(),
      after: (delayMs: number, callback: () => void) => void world.after(delayMs, callback),
    };
    this.clients = ["ada", "bob", "ada"].map((user, index) => new ModelClient(`c${index}`, user, clientWorld, this));
  }

  get store(): FickleChannels {
    demand(this.#store !== null, () => "The store is not open.");
    return this.#store;
  }

  options(channel: string): ChannelOptions {
    const known = this.#options.get(channel) ?? this.kernel.node.target(channel)?.options;
    demand(known !== undefined, () => `${channel} has no pattern`);
    this.#options.set(channel, known);
    return known;
  }

  /** What clients have sent reaches the node, which ends its tick. */
  serve(): boolean {
    let isBusy = false;
    const { lags } = this.kernel.node.metrics;
    for (const connection of this.#connections) {
      if (!connection.hasSent) continue;
      isBusy = true;
      this.#delivering = connection;
      connection.deliver();
    }
    this.#delivering = null;
    this.world.settle();
    if (this.kernel.node.metrics.lags > lags && this.#isSomebodySlow()) this.seen.slowReader = true;
    return isBusy;
  }

  /** Clients read what has come, but for those who are stalled. */
  read(): boolean {
    let isBusy = false;
    for (const client of this.clients) isBusy = client.read() || isBusy;
    return isBusy;
  }

  /** Everything that is under way arrives; then whoever is not held up knows all there is to know. */
  calm(): void {
    for (let round = 0, quiet = 0; quiet < 2; round++) {
      demand(round < ROUNDS_MAX, () => `Expected rest within ${ROUNDS_MAX} rounds.`);
      const isServed = this.serve();
      const isRead = this.read();
      if (isServed || isRead) quiet = 0;
      else {
        quiet++;
        // Longer than any way to the store and back, and than the longest coalescing.
        this.world.advance(quiet === 1 ? 45 : 0);
        if (!this.store.isIdle) quiet = 0;
      }
    }
    this.#forgetConnections();
    this.states.checkOwners();
    for (const client of this.clients) if (client.isConnected && !client.isStalled) this.#checkViews(client);
  }

  /** Time passes in steps, and clients go on reading. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= 2_500) {
      const { lags } = this.kernel.node.metrics;
      this.world.advance(Math.min(left, 2_500));
      if (this.kernel.node.metrics.lags > lags && this.#isSomebodySlow()) this.seen.slowReader = true;
      this.serve();
      this.read();
      this.serve();
    }
  }

  removeChannel(channel: string): void {
    const { node } = this.kernel;
    node.backplane.channels.remove(channel, this.options(channel), () => {});
  }

  rollBack(appends: number, isNoticed: boolean): void {
    this.world.advance(1);
    this.store.rollBack(appends, isNoticed);
    let dropped = 0;
    for (const channel of LOGS) {
      dropped += this.logs.rolledBack(channel, this.store.top(channel, this.options(channel)));
      // Also where nothing was rolled back: what was on its way is lost as well.
      if (!isNoticed) this.#silent.add(channel);
    }
    if (dropped === 0) return;
    this.logs.rollBacks++;
    this.seen.rollBack = true;
  }

  /** The application publishes. */
  publish(channel: string, id: string): void {
    const options = this.options(channel);
    this.kernel.node.append({
      ...{ channel, options, id, data: JSON.stringify(id), publisher: null, amend: null, tags: null, meta: null },
      ...{ idempotency: null, expiresInMs: 0, version: 1, done: () => {} },
    });
  }

  /** Everybody comes back, and everything that was to be known is known. */
  finish(): void {
    for (const client of this.clients) {
      client.isStalled = false;
      client.connect();
    }
    this.calm();
    for (let second = 0; second < 60 && this.clients.some(({ unconfirmed, isConnected }) => !isConnected || unconfirmed.length > 0); second++) {
      this.advance(1_000);
      for (const client of this.clients) client.connect();
      this.calm();
    }
    // A store that does not know what it lost gives it away with the next publication.
    for (const channel of this.#silent) this.publish(channel, `closing-${channel}`);
    this.calm();
    for (const client of this.clients) {
      demand(client.isConnected && client.unconfirmed.length === 0, () => `${client.name} is not connected, or still waits for answers`);
      this.#checkViews(client);
    }
    if (this.logs.rollBacks === 0) this.logs.checkSenders((id) => Number(id.split("-")[1]));
    this.seen.duplicate = this.logs.duplicates > 0;
  }

  /** Everybody leaves, one way or another, and nothing is left of them. */
  end(): void {
    this.clients.forEach((client, index) => (index % 2 === 0 ? client.leave() : client.cut(true)));
    this.serve();
    this.calm();
    this.world.advance(60_000);
    this.states.checkOwners();
    const { node } = this.kernel;
    const left = GAUGES.filter((gauge) => node.metrics[gauge] !== 0).map((gauge) => `${gauge} ${node.metrics[gauge]}`);
    if (node.registry.entries > 0) left.push(`registry ${node.registry.entries}`);
    if (node.hub.size > 0) left.push(`hub ${node.hub.size}`);
    demand(left.length === 0, () => `Left behind: ${left.join(", ")}`);
  }

  started(client: ModelClient, view: View, asked: string | null, pos: string | null): void {
    if (this.#isLog(view.channel)) this.logs.started(client.name, view.channel, asked, pos);
    else demand(asked === pos, () => `P4, ${client.name}: ${view.channel} begins elsewhere`);
  }

  items(client: ModelClient, view: View, push: Parameters<Judge["items"]>[2], values: readonly Shown[]): void {
    if (this.#isLog(view.channel)) this.logs.items(client.name, push, values);
  }

  gap(client: ModelClient, view: View, push: Parameters<Judge["gap"]>[2]): void {
    demand(this.#isLog(view.channel), () => `${client.name}: a gap of ${view.channel}`);
    this.logs.gap(client.name, push);
    if (view.isResuming && push.reason === "trimmed") this.seen.resumeAfterTrim = true;
  }

  accepted(client: ModelClient, attempt: Attempt, result: { readonly pos: string; readonly at: number }): void {
    this.logs.accepted(client.name, attempt, result);
  }

  refused(): void {
    // The oracle has judged the refusal when the store made it.
  }

  history(client: ModelClient, channel: string, page: Parameters<Judge["history"]>[2], values: readonly Shown[]): void {
    this.logs.history(client.name, channel, page, values);
  }

  #open(limits: Partial<Limits>, faults: Faults): Kernel {
    const { world } = this;
    const { isStoreLate, isRuleLate } = this.#setting;
    const delayMs = (): number => Math.floor(world.random() * (DELAY_MAX_MS + 1));
    const kernel = createKernel({
      world,
      contract: CONTRACT,
      limits,
      faults,
      hooks: {
        ...(isRuleLate ? { authorize: (_identity, _target, done) => void world.after(delayMs(), () => done(EVERYTHING)) } : {}),
        connected: ({ instance }) => {
          const [session] = kernel.node.registry.ofInstance(instance);
          if (session !== undefined && this.#delivering !== null) this.#sessions.set(this.#delivering, session.id);
        },
      },
      openChannels: (context) => {
        this.#store = new FickleChannels(context, {
          delayMs: isStoreLate ? delayMs : null,
          witness: {
            appended: (request, result) => {
              this.logs.appended(request, result);
              if (result.ok && !result.duplicate) this.#silent.delete(request.channel);
            },
            applied: (request, result) => this.states.applied(request, result),
            removed: (channel, top) => this.#removed(channel, top),
          },
        });
        return this.#store;
      },
    });
    return kernel;
  }

  #removed(channel: string, top: string): void {
    if (this.#isLog(channel)) this.logs.removed(channel, top);
    else this.states.removed(channel);
    this.#silent.delete(channel);
  }

  #accept(): MemoryConnection {
    const connection: MemoryConnection = this.kernel.accept({
      bufferBytes: this.#setting.bufferBytes,
      drainBytes: DRAIN_BYTES,
      ended: (isClean) => {
        const session = this.#sessions.get(connection);
        if (session !== undefined) this.#endings.set(session, { atMs: this.world.monotonicMs(), isClean });
      },
    });
    this.#connections.push(connection);
    return connection;
  }

  #checkViews(client: ModelClient): void {
    if (client.isWaiting) return;
    for (const view of client.views.values()) {
      const { channel, status, position, isWanted } = view;
      if (!isWanted || this.#silent.has(channel)) continue;
      demand(status === "subscribed" && view.isLive, () => `P4, ${client.name}: ${channel} is ${status}, live ${view.isLive}`);
      const top = this.store.top(channel, this.options(channel));
      demand(position === top, () => `P4, ${client.name}: ${channel} stands at ${top}, the client at ${position}`);
      if (this.#isLog(channel)) this.logs.checkPayloads(client.name, channel, view.payloads);
      else this.states.checkView(client.name, channel, view.entries);
    }
  }

  #isSomebodySlow(): boolean {
    return this.clients.some(({ isStalled, connection }) => isStalled && (connection?.queuedBytes ?? 0) >= LIMITS.outboxBytes);
  }

  #isLog(channel: string): boolean {
    return this.options(channel).kind === "log";
  }

  #forgetConnections(): void {
    for (let index = this.#connections.length - 1; index >= 0; index--) {
      if (this.#connections[index]?.isServerDone === true) this.#connections.splice(index, 1);
    }
  }
}

const EVERYTHING = {
  subscribe: true,
  publish: true,
  amend: "own",
  history: true,
  presence: true,
  enter: true,
  set: "own",
} as const;
