import { type CarillonError, CLOSE_CODES, type Position } from "@carillon/protocol";
import type { OpenBackplane } from "./backplane/backplane.ts";
import type {
  Answer,
  AppendRequest,
  ApplyRequest,
  ChannelStore,
  HistoryPage,
  StoreSink,
} from "./backplane/channel-store.ts";
import type { ControlMessage } from "./backplane/control.ts";
import { OUT_OF_ORDER } from "./backplane/failures.ts";
import type { ChannelRecord } from "./backplane/records.ts";
import type { Faults } from "./core/faults.ts";
import type { Limits } from "./core/limits.ts";
import type { Logger } from "./core/logger.ts";
import { Metrics } from "./core/metrics.ts";
import type { Ports } from "./core/ports.ts";
import { Tick } from "./core/tick.ts";
import type { Group } from "./hub/group.ts";
import { Hub } from "./hub/hub.ts";
import { PageCache } from "./hub/page-cache.ts";
import type { Admission } from "./policy/admission.ts";
import { PresentForm } from "./policy/present-form.ts";
import type { Rate } from "./policy/rate-limit.ts";
import type { Target, Targets } from "./policy/target.ts";
import { ConnectTerms } from "./session/connect.ts";
import { ConnectTimeouts } from "./session/connect-timeouts.ts";
import type { Connection, ConnectionEvents, Framing } from "./session/connection.ts";
import { carryOut } from "./session/control-acts.ts";
import { Graces } from "./session/graces.ts";
import { Gulps } from "./session/gulps.ts";
import { HeartbeatWheel } from "./session/heartbeat-wheel.ts";
import type {
  AppendSender,
  CatchingUp,
  Held,
  Hooks,
  Identity,
  OpenSession,
  SessionHost,
  Stretch,
} from "./session/host.ts";
import { jsonGroup } from "./session/json-codec.ts";
import { Joiner, type Outbox } from "./session/outbox.ts";
import { Registry } from "./session/registry.ts";
import { Restoration } from "./session/restoration.ts";
import { Session } from "./session/session.ts";

/** What a node is made of. */
export interface NodeContext {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly faults: Faults;
  readonly targets: Targets;
  readonly contractVersion: number;
  readonly hooks: NodeHooks;
}

/** What the application is asked and told. */
export interface NodeHooks extends Hooks {
  /** A session has opened; `subscribe` may be called once, with the channels that the server subscribes it to. */
  connected(identity: Identity, subscribe: (channels: readonly string[]) => void): void;
}

/** Bytes and grants are the session's; delivery is the hub's; keeping is the store's. The node joins them, tick by tick. */
export class Node implements SessionHost, StoreSink {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly faults: Faults;
  readonly hooks: NodeHooks;
  readonly contractVersion: number;
  readonly commandRate: Rate;
  readonly metrics: Metrics = new Metrics();
  readonly registry: Registry = new Registry();
  readonly hub: Hub;
  readonly pages: PageCache;
  readonly wheel: HeartbeatWheel;
  readonly connectTimeouts: ConnectTimeouts;
  readonly connectTerms: ConnectTerms;
  /** What the backplane said last. */
  isStoreReachable: boolean = true;
  readonly gulps: Gulps;
  readonly #targets: Targets;
  readonly #present: PresentForm;
  readonly #groups = new Map<Framing, Group>();
  readonly #graces: Graces;
  readonly #restoration: Restoration;
  readonly #joiner = new Joiner();
  readonly #tick: Tick;
  #backplane: OpenBackplane | null = null;
  #admission: Admission | null = null;
  #appends: QueuedAppend[] = [];
  #applies: ApplyRequest[] = [];
  /** Questions to the store that wait for what was appended before them. */
  #questions: (() => void)[] = [];
  #isSubmitting = false;
  #catchingUp = new Set<CatchingUp>();
  #dirty: Outbox[] = [];

  constructor(context: NodeContext) {
    this.ports = context.ports;
    this.limits = context.limits;
    this.logger = context.logger;
    this.faults = context.faults;
    this.hooks = context.hooks;
    this.contractVersion = context.contractVersion;
    this.commandRate = { perSecond: this.limits.commandsPerSecond, burst: this.limits.commandsBurst };
    this.#targets = context.targets;
    const store = (): ChannelStore => this.backplane.channels;
    const { ports, metrics, faults, limits } = this;
    this.#tick = new Tick(ports, {
      waiting: () => this.#appends.length + this.#applies.length,
      end: () => this.#flush(),
    });
    const schedule = (): void => this.#tick.schedule();
    // A kept page is good for as long as the node would hear of what makes it out of date.
    const closed = (channel: string): void => this.pages.invalidate(channel);
    this.hub = new Hub({ ports, metrics, faults, store, schedule, closed });
    const bounds = { items: limits.pageItems, bytes: limits.pageBytes };
    this.#present = new PresentForm({ ...context, metrics });
    this.pages = new PageCache({ ports, metrics, faults, store, bounds, present: this.#present });
    this.wheel = new HeartbeatWheel(ports, limits.heartbeatMs);
    this.connectTimeouts = new ConnectTimeouts(ports, limits.connectTimeoutMs);
    this.connectTerms = new ConnectTerms(limits);
    this.gulps = new Gulps(ports);
    const apply = (request: ApplyRequest): void => this.apply(request);
    this.#graces = new Graces({ ports, metrics, apply });
    this.#restoration = new Restoration({ ports, metrics, apply, sessions: () => this.registry.all() });
  }

  /** The open backplane. Throws before `open`: a programmer's error, since nothing is accepted before. */
  get backplane(): OpenBackplane {
    if (this.#backplane === null) throw new Error("Expected an open backplane; wait for ready() first.");
    return this.#backplane;
  }

  get admission(): Admission {
    if (this.#admission === null) throw new Error("Expected an open backplane; wait for ready() first.");
    return this.#admission;
  }

  get idempotencyEpoch(): string {
    return this.backplane.channels.idempotencyEpoch;
  }

  /** True once connections can be served. */
  get isOpen(): boolean {
    return this.#backplane !== null;
  }

  /** Starts with a backplane that was opened for this node. */
  open(backplane: OpenBackplane, admission: Admission): void {
    this.#backplane = backplane;
    this.#admission = admission;
  }

  /** Serves a connection of the `carillon.1` protocol. */
  accept(connection: Connection): ConnectionEvents {
    return new Session(connection, this);
  }

  target(name: string): Target | null {
    return this.#targets.find(name);
  }

  group(framing: Framing): Group {
    const known = this.#groups.get(framing);
    if (known !== undefined) return known;
    const group = jsonGroup(framing);
    this.#groups.set(framing, group);
    return group;
  }

  append(request: AppendRequest, sender: AppendSender | null = null): void {
    this.#appends.push({ request, sender });
    this.#tick.schedule();
  }

  apply(request: ApplyRequest): void {
    this.#applies.push(request);
    this.#tick.schedule();
  }

  history(target: Target, before: Position | null, limit: number, done: (answer: Answer<HistoryPage>) => void): void {
    this.#ask(target, before, limit, (page) => {
      if (!page.ok) return done(page);
      this.#present.read(target.name, page.value.records, (records) =>
        done(records.ok ? { ok: true, value: { ...page.value, records: records.value } } : records),
      );
    });
  }

  rewind(target: Target, count: number, done: (answer: Answer<Stretch>) => void): void {
    this.#ask(target, null, count, done);
  }

  catchUp(subscription: CatchingUp): void {
    this.#catchingUp.add(subscription);
    this.#tick.schedule();
  }

  dirty(outbox: Outbox): void {
    this.#dirty.push(outbox);
    this.#tick.schedule();
  }

  flushOutbox(outbox: Outbox): void {
    this.metrics.bytesWritten += outbox.flush(this.#joiner);
  }

  opened(session: OpenSession): CarillonError | null {
    const refusal = this.registry.add(session, this.limits.connectionsPerUser);
    if (refusal === null) this.metrics.sessions++;
    return refusal;
  }

  greet(session: OpenSession, comesBack: boolean): void {
    const { identity } = session;
    // A ticket begins an instance, which nobody else can have: to tell every node of it would make connects cost as many
    // messages as there are nodes.
    if (comesBack) {
      const { instance, term } = identity;
      this.backplane.control.send({ type: "replace", instance, session: session.id, term });
    }
    this.hooks.connected(identity, (channels) => {
      for (const channel of channels) session.subscribeFromServer(channel);
    });
  }

  closed(session: OpenSession, held: Held | null, isForGood: boolean): void {
    const { identity } = session;
    this.registry.remove(session);
    this.#restoration.ended(session);
    this.metrics.sessions--;
    const { instance } = identity;
    // Whoever leaves for good leaves with all it owns: also with what an earlier session of its left behind.
    if (isForGood) this.#graces.endAll(instance);
    if (held === null) return;
    const holding = { instance, ...held };
    if (isForGood) this.#graces.release(holding);
    else this.#graces.hold(holding, this.limits.graceMs);
  }

  deliver(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    this.pages.invalidate(channel);
    // Live items of an earlier version come from a node with an older contract. If the schema takes its time over them,
    // everybody reads them as a page instead, which can wait and keeps its place in the order.
    const present = this.#present.readNow(channel, records);
    if (present === null) this.hub.suspect(channel);
    else this.hub.deliver(channel, prev, pos, present);
  }

  suspect(channel: string): void {
    this.pages.invalidate(channel);
    this.hub.suspect(channel);
  }

  get remembersEntries(): boolean {
    return this.backplane.channels.capabilities.distributed;
  }

  restorable(session: OpenSession): void {
    this.#restoration.restorable(session);
  }

  ownershipLost(channels: readonly string[] | null): void {
    if (!this.faults.has("no-restoring")) this.#restoration.ownershipLost(channels);
  }

  available(isAvailable: boolean): void {
    this.isStoreReachable = isAvailable;
    this.logger.warn(isAvailable ? "The store can be reached again." : "The store can't be reached.");
  }

  /** A message from this node or another. */
  onControl(message: ControlMessage): void {
    carryOut(message, this);
  }

  /** Ends every session of a user whose access was revoked, on every node. */
  revoke(user: string): void {
    this.backplane.control.send({
      type: "disconnect",
      user,
      code: CLOSE_CODES.revoked.code,
      reason: CLOSE_CODES.revoked.text,
    });
  }

  /** Ends every session and forgets every grace. What is queued for the store is submitted first. */
  close(): void {
    for (const session of this.registry.all()) session.end(CLOSE_CODES.draining.code, CLOSE_CODES.draining.text, false);
    this.#graces.close();
    this.gulps.close();
    this.connectTimeouts.close();
    this.#restoration.close();
    if (this.#backplane !== null) this.#flush();
  }

  #ask(target: Target, before: Position | null, limit: number, done: (answer: Answer<HistoryPage>) => void): void {
    const { name: channel, options } = target;
    this.#questions.push(() => this.backplane.channels.history({ channel, options, before, limit }, done));
    this.#submit();
  }

  /**
   * The end of a tick. Everything that arrived in it goes to the store as one batch; what the store delivers at once
   * becomes one unit per channel; each connection that got something is written once.
   */
  #flush(): boolean {
    this.#submit();
    this.hub.flush();
    const catchingUp = this.#catchingUp;
    this.#catchingUp = new Set();
    for (const subscription of catchingUp) subscription.step();
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const outbox of dirty) this.metrics.bytesWritten += outbox.endTick(this.#joiner);
    this.metrics.writes += dirty.length;
    this.#joiner.reset();
    this.gulps.endTick(this.#tick.lastEndMs);
    const queued = this.#appends.length + this.#applies.length + this.#dirty.length + this.#catchingUp.size;
    return queued > 0 || this.hub.hasPending;
  }

  /**
   * Hands the store what it was asked to do, then asks it what it was asked for: a page must include what was appended
   * before it. Answers can bring in the next commands, while the store is still at the batch. Theirs must wait, or they
   * would overtake the rest of it.
   */
  #submit(): void {
    if (this.#isSubmitting) return;
    this.#isSubmitting = true;
    do {
      const appends = this.#appends;
      const applies = this.#applies;
      const questions = this.#questions;
      this.#appends = [];
      this.#applies = [];
      this.#questions = [];
      if (appends.length > 0) this.#submitAppends(appends);
      if (applies.length > 0) this.backplane.channels.apply(applies);
      for (const ask of questions) ask();
    } while (this.#questions.length > 0);
    this.#isSubmitting = false;
  }

  #submitAppends(queued: readonly QueuedAppend[]): void {
    const batch: AppendRequest[] = [];
    for (const { request, sender } of queued) {
      if (sender?.isHeld(request.channel, request.id) === true) request.done(OUT_OF_ORDER);
      else batch.push(request);
    }
    if (batch.length > 0) this.backplane.channels.append(batch);
  }
}

interface QueuedAppend {
  readonly request: AppendRequest;
  readonly sender: AppendSender | null;
}
