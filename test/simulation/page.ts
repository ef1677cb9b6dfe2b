import type { AnyChannel, Client, ClientPorts, connect as connectClient, EnvironmentEvent } from "@carillon/client";
import type { ChannelTruth, Machine, SimulatedNetwork, Truth, World } from "@carillon/server/testing";
import type { Checker } from "./checker.ts";
import type { Docket } from "./docket.ts";
import { LogView } from "./log-view.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Permissions } from "./permissions.ts";
import { LOGS, PRESENCE, ROOM, STATES } from "./setting.ts";
import { StateView } from "./state-view.ts";

/** What pages share. */
export interface PageContext {
  readonly world: World;
  readonly network: SimulatedNetwork;
  readonly truth: Truth;
  readonly checker: Checker;
  readonly permissions: Permissions;
  readonly outcomes: Outcomes;
  /** Where what a page is told is judged. */
  readonly docket: () => Docket;
  /** The SDK. */
  readonly connect: typeof connectClient;
  readonly openSocket: ClientPorts["open"] extends (events: infer E) => infer S
    ? (client: string, events: E) => S
    : never;
  readonly takeTicket: (user: string, done: (ticket: string | Error) => void) => void;
}

/** A page of an application: one SDK client, from its loading to its end, and what the application sees by it. */
export class Page {
  readonly name: string;
  readonly user: string;
  readonly client: Client;
  readonly logs: Map<string, LogView> = new Map();
  readonly states: Map<string, StateView> = new Map();
  /** Channels that the application wants to follow. */
  readonly wanted: Set<string> = new Set();
  /** The application wants to be seen in the room, and was not refused; null: it can't know. */
  isPresent: boolean | null = false;
  isGone = false;
  /** The application is done with it: nobody brings it back. */
  hasLeft = false;
  readonly docket: Docket;
  readonly #context: PageContext;
  readonly #machine: Machine;
  #watchers = new Set<(event: EnvironmentEvent) => void>();
  #frozenUntilMs = 0;
  #calls = 0;

  constructor(name: string, user: string, context: PageContext) {
    this.name = name;
    this.user = user;
    this.#context = context;
    this.docket = context.docket();
    this.#machine = context.world.machine(name);
    this.client = context.connect({
      url: "ws://simulated.test/realtime",
      ticket: () => Promise.reject(new Error("The port supplies tickets.")),
      ports: this.#ports(),
      publishQueue: { publicationsMax: 60 },
    });
    this.client.on("error", ({ code }) => {
      context.world.note(`${name} has the error ${code}`);
      // It may have been refused to enter again after a reconnect, or to set another entry again.
      if (code === "forbidden" && this.isPresent === true) this.isPresent = null;
    });
    this.client.on("state", ({ state, code }) => {
      context.world.note(`${name} is ${state} ${code ?? this.client.instance ?? ""}`);
      context.world.count(`connections ${state}`);
      context.outcomes.sets.is(name, this.client.instance);
      if (state === "disconnected") this.isPresent = false;
    });
    this.#watchLogs();
    this.#watchStates();
  }

  channel(name: string): AnyChannel {
    return this.client.channel(name);
  }

  get instance(): string | null {
    return this.client.instance;
  }

  // --- what the application does ---

  follow(channel: string, options: { readonly history?: number; readonly position?: string } = {}): void {
    if (this.isGone || this.hasLeft) return;
    this.wanted.add(channel);
    const handle = this.#handle(channel);
    if (options.position !== undefined) this.logs.get(channel)?.startAt(options.position);
    this.#context.outcomes.asked(`${this.name} subscribe to ${channel}`, handle.subscribe(options));
  }

  unfollow(channel: string): void {
    this.wanted.delete(channel);
    this.#handle(channel).unsubscribe();
    this.logs.get(channel)?.forget();
  }

  publish(channel: string, padding: number): void {
    const number = this.#calls++;
    const id = `${this.name}-${number}`;
    const promise = this.channel(channel).publish({ id, text: "x".repeat(padding) }, { id });
    this.#published(channel, id, number, false, promise);
  }

  amend(channel: string, target: string, isErasure: boolean): void {
    const number = this.#calls++;
    const id = `${this.name}-${number}`;
    // The SDK takes an id here as for publishes, though its types do not say so.
    const options = { id, signal: undefined };
    const handle = this.channel(channel);
    const promise = isErasure ? handle.erase(target, options) : handle.amend(target, { by: id }, options);
    this.#published(channel, id, number, true, promise);
  }

  history(channel: string, limit: number): void {
    const { outcomes, truth, checker } = this.#context;
    const page = this.channel(channel).history({ limit });
    outcomes.asked(`${this.name} history of ${channel}`, page);
    const log = (): ChannelTruth | undefined => truth.channels.get(channel);
    const check = ({ items, prev, pos }: Awaited<typeof page>): void => {
      let place = log()?.place(pos) ?? null;
      const start = log()?.place(prev) ?? null;
      const ids: string[] = [];
      for (; place !== null && place !== start; place = place.before) {
        const [record] = place.records;
        if (record?.kind === "publication") ids.unshift(record.id);
      }
      const told = items.map(({ id }) => id).join(" ");
      if (place !== null && ids.join(" ") === told) return;
      checker.fail("lost", `${this.name}: history of ${channel} has ${told}, it was ${ids.join(" ")}`);
    };
    page.then(
      (got) =>
        this.docket.add(
          () => log()?.place(got.pos) !== undefined,
          () => check(got),
        ),
      () => {},
    );
  }

  set(channel: string, key: string | null, value: unknown, expect: number | null): void {
    const options = expect === null ? {} : { expect, timeoutMs: 10_000 };
    // With a version to expect it is asked once, and it is not known when: between what the client wishes it has no place.
    if (expect === null) this.#context.outcomes.sets.called({ who: this.name, channel, key, value });
    this.#context.outcomes.asked(`${this.name} set in ${channel}`, this.channel(channel).set(key, value, options));
  }

  remove(channel: string, key: string | null): void {
    this.#context.outcomes.asked(`${this.name} remove in ${channel}`, this.channel(channel).remove(key));
  }

  enter(isEntering: boolean): void {
    const { presence } = this.channel(ROOM);
    const promise = isEntering ? presence.enter({ name: this.name }) : presence.leave();
    this.isPresent = isEntering && this.client.state !== "disconnected";
    // Refused, it may still be what it was before.
    promise.catch(() => {
      this.isPresent = null;
    });
    this.#context.outcomes.asked(`${this.name} ${isEntering ? "enter" : "leave"}`, promise);
  }

  // --- what befalls it ---

  befall(event: EnvironmentEvent): void {
    this.#context.world.note(`${this.name}: ${event}`);
    const watchers = Array.from(this.#watchers);
    for (const notify of watchers) notify(event);
  }

  /** Its machine sleeps: no timer rings until it wakes. */
  freeze(forMs: number): void {
    const { world, network } = this.#context;
    this.#frozenUntilMs = world.nowMs + forMs;
    network.takeOffline(this.name);
    world.after(forMs, () => {
      network.bringOnline(this.name);
      this.befall("resume");
    });
  }

  /** It is gone at once, and none of its code runs any more. Returns where it was in its logs. */
  vanish(isTold: boolean): Map<string, string> {
    this.isGone = true;
    this.#machine.stop();
    this.#context.network.remove(this.name, isTold);
    this.#context.outcomes.abandon(this.name);
    const positions = new Map<string, string>();
    for (const [channel, view] of this.logs) {
      // What an application stores is where it was after the last item that it has dealt with.
      if (this.wanted.has(channel) && view.place !== null && view.place.pos !== null) {
        positions.set(channel, view.place.pos);
      }
    }
    return positions;
  }

  // --- what must be true at rest ---

  /** What is not yet as it must be. */
  unsettled(): string[] {
    const { permissions, truth } = this.#context;
    if (this.isGone) return [];
    const { state } = this.client;
    if (state !== "connected") return [`${this.name} is ${state}`];
    const problems: string[] = [];
    if (this.docket.open > 0) problems.push(`${this.name}: ${this.docket.open} things that it was told are not known`);
    for (const channel of this.wanted) {
      const handle = this.#handle(channel);
      const told = `${this.name}, ${channel}`;
      if (!permissions.allows(this.user, channel === PRESENCE ? ROOM : channel)) {
        if (handle.state !== "unsubscribed") problems.push(`${told}: ${handle.state} without permission`);
      } else if (handle.state !== "subscribed" || !handle.isLive) {
        problems.push(`${told}: ${handle.state}, live: ${handle.isLive}`);
      } else {
        const log = this.logs.get(channel);
        const top = truth.channels.get(channel)?.top;
        if (log !== undefined && log.place !== top) problems.push(`${told}: at ${log.place?.depth} of ${top?.depth}`);
        const difference = this.states.get(channel)?.difference(this.channel(channel).entries) ?? null;
        if (channel !== PRESENCE && difference !== null) problems.push(difference);
        if (channel === PRESENCE) problems.push(...this.#presenceProblems());
      }
    }
    return problems;
  }

  /** Subscribes again to what the application wants and does not have. */
  comeBack(): void {
    if (this.isGone || this.hasLeft) return;
    if (this.client.state === "disconnected") this.client.connect();
    for (const channel of this.wanted) {
      const isAllowed = this.#context.permissions.allows(this.user, channel === PRESENCE ? ROOM : channel);
      if (isAllowed && this.#handle(channel).state === "unsubscribed") this.follow(channel);
    }
  }

  #presenceProblems(): string[] {
    const truth = [...(this.#context.truth.channels.get(PRESENCE)?.entries().keys() ?? [])].sort().join(" ");
    const seen = this.channel(ROOM)
      .presence.members.map(({ instance }) => instance)
      .sort()
      .join(" ");
    return truth === seen ? [] : [`${this.name}: sees ${seen} in the room, there are ${truth}`];
  }

  #handle(channel: string): Pick<AnyChannel, "state" | "isLive" | "position" | "subscribe" | "unsubscribe"> {
    return channel === PRESENCE ? this.channel(ROOM).presence : this.channel(channel);
  }

  #published(
    channel: string,
    id: string,
    number: number,
    isAmendment: boolean,
    promise: Promise<{ pos: string; at: number }>,
  ): void {
    const call = { who: this.name, channel, id, number, isAmendment };
    this.#context.outcomes.published(call, promise, () => !this.isGone, this.docket);
  }

  #viewContext(channel: string): ConstructorParameters<typeof LogView>[0] {
    const { world, truth, checker, permissions } = this.#context;
    const { name, user, docket } = this;
    return { name, user, channel, world, truth, checker, permissions, docket };
  }

  #watchLogs(): void {
    for (const channel of LOGS) {
      const view = new LogView(this.#viewContext(channel));
      this.logs.set(channel, view);
      const handle = this.channel(channel);
      handle.on("state", ({ state }) => {
        if (state === "subscribed") view.began(handle.position);
      });
      // Listening subscribes by itself, but only what the application asks for is wanted here.
      handle.on("publication", ({ id, at, data }) => view.item({ id, at, data, isErased: false }));
      handle.on("tombstone", ({ id, at }) => view.item({ id, at, data: null, isErased: true }));
      handle.on("amend", (amendment) => {
        const { id, amendment: own, at, erased } = amendment;
        view.item({ id, amendment: own, at, data: erased ? null : amendment.data, isErased: erased });
      });
      handle.on("gap", (gap) => view.gap(gap));
      handle.on("live", (position) => view.at(position));
      handle.on("error", ({ code }) => this.#context.world.note(`${this.name}, ${channel}: ${code}`));
      handle.unsubscribe();
    }
  }

  #watchStates(): void {
    for (const channel of STATES) {
      const view = new StateView(this.#viewContext(channel));
      this.states.set(channel, view);
      const handle = this.channel(channel);
      handle.on("change", (changes) => view.changed(changes));
      handle.on("error", ({ code }) => this.#context.world.note(`${this.name}, ${channel}: ${code}`));
      handle.unsubscribe();
    }
    const { presence } = this.channel(ROOM);
    presence.on("change", (members) => this.#context.world.note(`${this.name} sees ${members.length} in the room`));
    presence.on("error", ({ code }) => this.#context.world.note(`${this.name}, presence: ${code}`));
    presence.unsubscribe();
  }

  #ports(): ClientPorts {
    const { world, checker, openSocket, takeTicket } = this.#context;
    return {
      now: () => this.#machine.monotonicMs(),
      random: () => this.#machine.random(),
      soon: (run) => queueMicrotask(run),
      setTimer: (delayMs, fire) => {
        let isOver = false;
        const ring = (): void => {
          if (isOver || this.#machine.isStopped) return;
          if (this.#frozenUntilMs > world.nowMs) world.after(this.#frozenUntilMs - world.nowMs, ring);
          else fire();
        };
        const timer = this.#machine.after(delayMs, ring);
        return () => {
          isOver = true;
          timer.cancel();
        };
      },
      open: (events) => {
        world.note(`${this.name} opens a socket`);
        return openSocket(this.name, events);
      },
      watch: (notify) => {
        this.#watchers.add(notify);
        return () => this.#watchers.delete(notify);
      },
      ticket: (settle) =>
        takeTicket(this.user, (ticket) => {
          if (this.#machine.isStopped) return;
          world.note(`${this.name} has ${typeof ticket === "string" ? "a ticket" : "no ticket"}`);
          if (typeof ticket === "string") settle(ticket);
          else settle(null, ticket);
        }),
      report: (error) => {
        const told = error instanceof Error ? (error.stack ?? error.message) : String(error);
        checker.fail("broken", `${this.name} reports ${told.slice(0, 600)}`);
      },
    };
  }
}
