import { CLOSE_CODES } from "@carillon/protocol";
import {
  createKernel,
  DEFAULT_LIMITS,
  FickleChannels,
  GAUGES,
  VirtualWorld,
  type ChannelOptions,
  type Fate,
  type Faults,
  type Kernel,
  type MemoryConnection,
  type NodeHooks,
} from "@carillon/server/testing";
import { Judges, type Seen } from "./judges.ts";
import { LogOracle } from "./log-oracle.ts";
import { ModelClient } from "./model-client.ts";
import { SessionBook } from "./session-book.ts";
import {
  CONTRACT,
  DELAY_MAX_MS,
  DRAIN_BYTES,
  limitsOf,
  LOGS,
  REST_MS,
  SHAKY_MAX_MS,
  STATES,
  type Setting,
} from "./setting.ts";
import { StateOracle } from "./state-oracle.ts";
import { demand } from "./violation.ts";

/** Rounds in which everything must come to rest. */
const ROUNDS_MAX = 2_000;
/** Clients go on reading while time passes, at least this often. */
const STEP_MS = 2_500;
const EVERYTHING = {
  subscribe: true,
  publish: true,
  history: true,
  presence: true,
  enter: true,
  amend: "own",
  set: "own",
} as const;

/**
 * One world with a node, its store and some clients, and the judges of what they are told. The commands of a scenario
 * act on it; whatever does not hold throws.
 */
export class Simulation {
  readonly world: VirtualWorld;
  readonly kernel: Kernel;
  readonly clients: readonly ModelClient[];
  readonly logs: LogOracle;
  readonly states: StateOracle;
  /** What this run has seen. */
  readonly seen: Seen = { resumeAfterTrim: false, duplicate: false, slowReader: false, rollBack: false };
  readonly #setting: Setting;
  readonly #book: SessionBook;
  readonly #options = new Map<string, ChannelOptions>();
  #connections: MemoryConnection[] = [];
  /** Logs that may have been rolled back without notice, and were not appended to since. */
  readonly #silent = new Set<string>();
  #store: FickleChannels | null = null;
  #delivering: MemoryConnection | null = null;
  #isThrowingOut = false;
  #isShaky: boolean;

  constructor(setting: Setting, faults: Faults) {
    this.#setting = setting;
    this.#isShaky = setting.isStoreShaky;
    this.world = new VirtualWorld({ seed: setting.seed });
    const { world } = this;
    const nowMs = (): number => world.monotonicMs();
    this.#book = new SessionBook(nowMs);
    this.logs = new LogOracle(() => world.wallMs());
    this.states = new StateOracle({
      nowMs,
      endOf: (session) => this.#book.endOf(session),
      graceMs: DEFAULT_LIMITS.graceMs,
      delayMaxMs: (setting.isStoreLate ? 3 * DELAY_MAX_MS : 0) + (setting.isStoreShaky ? SHAKY_MAX_MS : 0),
      entriesMax: limitsOf(setting).stateEntries,
    });
    this.kernel = this.#open(faults);
    for (const channel of LOGS) this.logs.opened(channel, this.options(channel), this.#top(channel));
    for (const channel of STATES) this.states.opened(channel, this.options(channel));
    const judges = new Judges(this.logs, (channel) => this.#isLog(channel), this.seen);
    const clientWorld = {
      accept: () => this.#accept(),
      ticket: (user: string) => this.kernel.ticket(user),
      nowMs,
      after: (delayMs: number, callback: () => void) => void world.after(delayMs, callback),
    };
    this.clients = ["ada", "bob", "ada"].map((user, index) => new ModelClient(`c${index}`, user, clientWorld, judges));
  }

  options(channel: string): ChannelOptions {
    const options = this.#options.get(channel) ?? this.kernel.node.target(channel)?.options;
    demand(options !== undefined, () => `${channel} has no pattern`);
    this.#options.set(channel, options);
    return options;
  }

  /** What clients have sent reaches the node, which ends its tick. */
  serve(): boolean {
    let isBusy = false;
    this.#watchingReaders(() => {
      for (const connection of this.#connections) {
        if (!connection.hasSent) continue;
        isBusy = true;
        this.#delivering = connection;
        connection.deliver();
      }
      this.#delivering = null;
      this.world.settle();
    });
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
      quiet = isServed || isRead ? 0 : quiet + 1;
      if (quiet === 1) this.world.advance(REST_MS);
      if (!this.store.isIdle) quiet = 0;
    }
    this.#connections = this.#connections.filter(({ isServerDone }) => !isServerDone);
    this.states.checkOwners();
    // Who was refused by the store asks again later, and knows nothing until then.
    if (this.#isShaky) return;
    for (const client of this.clients) if (client.isConnected && !client.isStalled) this.#checkViews(client);
  }

  /** Time passes, and clients go on reading. */
  advance(ms: number): void {
    for (let left = ms; left > 0; left -= STEP_MS) {
      this.#watchingReaders(() => this.world.advance(Math.min(left, STEP_MS)));
      this.serve();
      this.read();
      this.serve();
    }
  }

  get store(): FickleChannels {
    demand(this.#store !== null, () => "The store is not open.");
    return this.#store;
  }

  removeChannel(channel: string): void {
    this.kernel.node.backplane.channels.remove(channel, this.options(channel), () => {});
  }

  /** The logs become what they were some appends ago; `isNoticed`: the store says that it lost touch. */
  rollBack(appends: number, isNoticed: boolean): void {
    this.world.advance(1);
    this.store.rollBack(appends, isNoticed);
    let dropped = 0;
    for (const channel of LOGS) {
      dropped += this.logs.rolledBack(channel, this.#top(channel));
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
      channel,
      options,
      id,
      data: JSON.stringify(id),
      publisher: null,
      amend: null,
      tags: null,
      meta: null,
      idempotency: null,
      expiresInMs: 0,
      version: 1,
      done: () => {},
    });
  }

  /** The application subscribes a user to a channel, or ends the user's subscriptions to it. */
  subscribeUser(type: "subscribe" | "unsubscribe", user: string, channel: string): void {
    this.kernel.node.backplane.control.send({ type, user, channel, reason: "test" });
  }

  /** The application ends the sessions of a user for good. */
  throwOut(user: string): void {
    const { code, text } = CLOSE_CODES.disconnected;
    this.#isThrowingOut = true;
    this.kernel.node.backplane.control.send({ type: "disconnect", user, code, reason: text });
    this.#isThrowingOut = false;
  }

  /** Everybody comes back, and everything that was to be known is known. */
  finish(): void {
    const isDone = (): boolean =>
      this.clients.every(({ isConnected, attempts }) => isConnected && attempts.unconfirmed.length === 0);
    this.#comeBack();
    // From now on the store does what it is asked, and whoever was refused has the time to ask again.
    if (this.#isShaky) {
      this.#isShaky = false;
      this.advance(SHAKY_MAX_MS);
      this.#comeBack();
    }
    for (let second = 0; second < 60 && !isDone(); second++) {
      this.advance(1_000);
      this.#comeBack();
    }
    // A store that does not know what it lost gives it away with the next publication.
    for (const channel of this.#silent) this.publish(channel, `closing-${channel}`);
    this.calm();
    demand(isDone(), () => "A client is not connected, or still waits for answers");
    for (const client of this.clients) this.#checkViews(client);
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

  #comeBack(): void {
    for (const client of this.clients) {
      client.isStalled = false;
      client.connect();
    }
    this.calm();
  }

  #fate(): Fate {
    const draw = this.#isShaky ? this.world.random() : 1;
    return draw < 0.04 ? "lost" : draw < 0.1 ? "refused" : "kept";
  }

  #open(faults: Faults): Kernel {
    const { world } = this;
    const { isStoreLate, isRuleLate } = this.#setting;
    const delayMs = (): number => Math.floor(world.random() * (DELAY_MAX_MS + 1));
    const authorize: NodeHooks["authorize"] = (_identity, _target, done) => {
      if (isRuleLate) world.after(delayMs(), () => done(EVERYTHING));
      else done(EVERYTHING);
    };
    const connected: NodeHooks["connected"] = ({ instance }) => {
      const [session] = kernel.node.registry.ofInstance(instance);
      if (session !== undefined && this.#delivering !== null) this.#book.opened(session.id, instance, this.#delivering);
    };
    const kernel = createKernel({
      world,
      contract: CONTRACT,
      limits: limitsOf(this.#setting),
      faults,
      hooks: { authorize, connected },
      openChannels: (context) => {
        this.#store = new FickleChannels(context, {
          delayMs: isStoreLate ? delayMs : null,
          fate: () => this.#fate(),
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
      ended: (isClean) => this.#book.ended(connection, isClean || this.#isThrowingOut),
    });
    this.#connections.push(connection);
    return connection;
  }

  #checkViews(client: ModelClient): void {
    if (client.isBusy) return;
    const { name, subscriptions } = client;
    for (const { channel, status, position, isWanted, isLive, payloads, entries } of subscriptions.views()) {
      if (!isWanted || this.#silent.has(channel)) continue;
      demand(status === "subscribed" && isLive, () => `P4, ${name}: ${channel} is ${status}, live: ${isLive}`);
      const top = this.#top(channel);
      demand(position === top, () => `P4, ${name}: ${channel} stands at ${top}, the client at ${position}`);
      if (this.#isLog(channel)) this.logs.checkPayloads(name, channel, payloads);
      else this.states.checkView(name, channel, entries);
    }
  }

  /** Notices when a reader who is stalled leaves the shared path for want of room. */
  #watchingReaders(work: () => void): void {
    const { metrics, limits } = this.kernel.node;
    const { lags } = metrics;
    work();
    if (metrics.lags === lags || this.seen.slowReader) return;
    this.seen.slowReader = this.clients.some(
      ({ isStalled, connection }) => isStalled && (connection?.queuedBytes ?? 0) >= limits.outboxBytes,
    );
  }

  #top(channel: string): string {
    return this.store.top(channel, this.options(channel));
  }

  #isLog(channel: string): boolean {
    return this.options(channel).kind === "log";
  }
}
