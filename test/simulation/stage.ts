import type { connect } from "@carillon/client";
import { CarillonError, CLOSE_CODES } from "@carillon/protocol";
import {
  appendRequest,
  CLOCK_JUMP_MAX_MS,
  SimulatedNetwork,
  SimulatedServer,
  type Faults,
  type NodeHooks,
  type SimulatedRandom,
  type Truth,
  type World,
} from "@carillon/server/testing";
import type { Broker } from "./broker.ts";
import type { Checker } from "./checker.ts";
import type { House } from "./house.ts";
import { Outcomes } from "./outcomes.ts";
import { Page, type PageContext } from "./page.ts";
import { Permissions } from "./permissions.ts";
import type { Scenario } from "./scenario.ts";
import { CONTRACT, DRAIN_BYTES, LOGS, PRESENCE, STATES, type Setting } from "./setting.ts";
import { grantOf } from "./grants.ts";

/** What a stage is built with, beside the scenario. */
export interface StageOptions {
  readonly connect: typeof connect;
  readonly faults: Faults;
  readonly house: House;
  readonly checker: Checker;
  readonly truth: Truth;
  readonly broker: Broker;
}

/** Everything that takes part in a run, and what can be done to it. */
export class Stage {
  readonly world: World;
  readonly setting: Setting;
  readonly random: SimulatedRandom;
  readonly checker: Checker;
  readonly truth: Truth;
  readonly permissions: Permissions;
  readonly outcomes: Outcomes;
  readonly network: SimulatedNetwork;
  readonly broker: Broker;
  /** The server in each slot; a dead one until another takes its place. */
  readonly servers: SimulatedServer[] = [];
  /** The page of each person; another one after each reload. */
  readonly pages: Page[] = [];
  readonly #allServers: SimulatedServer[] = [];
  readonly #options: StageOptions;
  readonly #pageContext: PageContext;
  #serials = 0;
  #brokerOffsetMs = 0;

  constructor({ setting }: Scenario, options: StageOptions) {
    this.#options = options;
    this.setting = setting;
    const { world } = options.house;
    this.world = world;
    this.random = world.random.fork("stage");
    this.checker = options.checker;
    this.truth = options.truth;
    this.broker = options.broker;
    this.permissions = new Permissions(world, this.checker);
    this.outcomes = new Outcomes(world, this.truth, this.checker);
    this.network = new SimulatedNetwork({
      world,
      delayMaxMs: setting.networkDelayMaxMs,
      windowBytes: setting.windowBytes,
      drainBytes: DRAIN_BYTES,
    });
    const { truth, checker, permissions, outcomes, network } = this;
    this.#pageContext = {
      world,
      network,
      truth,
      checker,
      permissions,
      outcomes,
      docket: () => options.house.docket(),
      connect: options.connect,
      openSocket: (client, events) => network.open(client, this.servers, events),
      takeTicket: (user, done) => this.#takeTicket(user, done),
    };
    for (let slot = 0; slot < setting.servers; slot++) this.#start(slot);
    for (let person = 0; person < setting.clients; person++) this.load(person, new Map());
  }

  /** A server that runs, if there is one. */
  get running(): SimulatedServer | undefined {
    return this.random.pick(this.servers.filter(({ isAccepting }) => isAccepting));
  }

  /** A person's page is loaded: it follows what it followed, or what most people do. */
  load(person: number, positions: ReadonlyMap<string, string>): Page {
    const name = `p${person}.${this.#serials++}`;
    // Some people have two pages open.
    const page = new Page(name, `user${person % 4}`, this.#pageContext);
    this.pages[person] = page;
    for (const channel of [...LOGS, ...STATES]) {
      const position = positions.get(channel);
      if (position !== undefined) page.follow(channel, { position });
      else if (positions.size === 0 && this.random.chance(0.7)) {
        page.follow(channel, LOGS.includes(channel) ? { history: this.random.int(0, 12) } : {});
      }
    }
    if (this.random.chance(0.6)) page.follow(PRESENCE);
    if (this.random.chance(0.4)) page.enter(true);
    return page;
  }

  /** A server dies, and another takes its place after a while. */
  kill(slot: number, isTold: boolean, downMs: number): void {
    const server = this.servers[slot];
    if (server === undefined || server.machine.isStopped) return;
    this.world.count("servers killed");
    server.kill(isTold);
    this.broker.died(server.machine);
    this.world.after(downMs, () => this.#start(slot));
  }

  /** A server leaves, and another takes its place. */
  drain(slot: number, windowMs: number): void {
    const server = this.servers[slot];
    if (server === undefined || !server.isAccepting) return;
    this.world.count("servers drained");
    server.drain(windowMs, () => {
      this.broker.died(server.machine);
      this.#start(slot);
    });
  }

  /** A server's process stands still for a while, and goes on as if nothing had been. */
  standStill(slot: number, forMs: number): void {
    const server = this.servers[slot];
    if (server === undefined || server.machine.isStopped) return;
    this.world.count("servers stood still");
    server.machine.freeze(forMs);
    this.network.stall(server.name, forMs);
    const link = this.broker.linkOf(server.machine);
    link?.freeze?.(forMs);
    link?.stall(forMs);
  }

  /** The application publishes. */
  publish(channel: string): void {
    const server = this.running;
    const target = server?.node.target(channel);
    if (server === undefined || target === undefined || target === null) return;
    const id = `app-${this.#serials++}`;
    const data = JSON.stringify({ id });
    server.node.append({ ...appendRequest({ channel, options: target.options, id, data }), done: () => {} });
  }

  /** The application forgets everything in a channel. */
  clear(channel: string): void {
    const server = this.running;
    const target = server?.node.target(channel);
    if (server === undefined || target === undefined || target === null) return;
    this.world.count("channels cleared");
    server.node.backplane.channels.remove(channel, target.options, () => {});
  }

  /** The application takes a user's permission away, and ends what the user has by it. */
  deny(user: string, channel: string): void {
    const server = this.running;
    if (server === undefined || this.broker.linkOf(server.machine)?.isConnected !== true) return;
    this.permissions.deny(user, channel);
    server.node.backplane.control.send({ type: "unsubscribe", user, channel, reason: "Permission was taken away." });
    const seen = this.broker.controls.length;
    const look = (): void => {
      const isKnown = this.broker.controls
        .slice(seen)
        .some((message) => message.type === "unsubscribe" && message.user === user && message.channel === channel);
      if (isKnown) this.permissions.denialIsKnown(user, channel);
      else if (!this.permissions.allows(user, channel)) this.world.after(20, look);
    };
    look();
  }

  /** The application gives it back. Sessions remember what they were answered; the message makes them ask again. */
  allow(user: string, channel: string): void {
    this.permissions.allow(user, channel);
    const reason = "Permission was given back.";
    this.running?.node.backplane.control.send({ type: "unsubscribe", user, channel, reason });
  }

  /** The application ends a user's sessions. */
  kick(user: string): void {
    const { code, text } = CLOSE_CODES.disconnected;
    this.running?.node.backplane.control.send({ type: "disconnect", user, code, reason: text });
    this.world.count("users kicked");
  }

  /** Clocks are set. */
  jump(slot: number, ms: number): void {
    this.servers[slot]?.machine.shiftWall(ms);
    this.world.count("clocks set");
  }

  /** The broker's clock is set: by little, since it decides on ages. */
  jumpBroker(ms: number): void {
    const offsetMs = Math.max(-CLOCK_JUMP_MAX_MS, Math.min(CLOCK_JUMP_MAX_MS, ms));
    this.broker.shiftWall(offsetMs - this.#brokerOffsetMs);
    this.#brokerOffsetMs = offsetMs;
    this.world.count("clocks set");
  }

  /** Counts what the servers have counted. */
  countMetrics(): void {
    for (const { node } of this.#allServers) {
      const { lags, pages, slowClosed, connectsRefused } = node.metrics;
      if (lags > 0) this.world.count("readers fell behind", lags);
      if (pages > 0) this.world.count("pages read to catch up", pages);
      if (slowClosed > 0) this.world.count("slow readers closed", slowClosed);
      if (connectsRefused > 0) this.world.count("connects refused", connectsRefused);
    }
  }

  #start(slot: number): void {
    const offsetMs = this.setting.skewsMs[slot] ?? 0;
    const machine = this.world.machine(`s${slot}.${this.#serials++}`, offsetMs);
    const server = new SimulatedServer({
      machine,
      network: this.network,
      backplane: this.broker.backplane(machine),
      contract: CONTRACT,
      limits: this.#options.house.limits,
      faults: this.#options.faults,
      hooks: this.#hooks(),
    });
    this.servers[slot] = server;
    this.#allServers.push(server);
    this.world.note(`server ${machine.name} starts`);
  }

  /** The application's rules: asked of a database, which takes its time and answers as things stood when it was asked. */
  #hooks(): NodeHooks {
    const random = this.random.fork(`hooks ${this.#serials}`);
    return {
      authorize: ({ user }, target, done) => {
        const grant = grantOf(this.permissions.allows(user.id, target.grantedBy));
        const delayMs = random.int(0, 3) * random.int(0, 30);
        if (delayMs === 0) done(grant);
        else this.world.after(delayMs, () => done(grant));
      },
      validate: (_target, value, done) => done(value instanceof Uint8Array ? value : JSON.stringify(value)),
      call: (_identity, name, _input, done) => done(new CarillonError("unknown_call", `There is no call ${name}.`)),
      connected: () => {},
    };
  }

  #takeTicket(user: string, done: (ticket: string | Error) => void): void {
    const { world } = this;
    world.after(this.random.int(1, 60), () => {
      const server = this.running;
      if (server === undefined) return done(new Error("No server answers."));
      server.ticket(user, this.setting.lifetimeMs, (ticket) => world.after(this.random.int(1, 60), () => done(ticket)));
    });
  }
}
