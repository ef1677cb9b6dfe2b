import {
  firstPlace,
  formatPlace,
  type AppendRequest,
  type ApplyRequest,
  type Backplane,
  type BackplaneContext,
  type ChannelStore,
  type OpenBackplane,
} from "@carillon/server/backplane";
import type { DeliveryTrouble, Machine, World } from "@carillon/server/testing";
import { TcpProxy } from "../../support/tcp-proxy.ts";
import type { Link } from "../broker.ts";
import type { RealBackplane } from "./broker-server.ts";
import { liveLoss } from "./live-loss.ts";

/** What a link is made of. */
export interface RealLinkOptions {
  readonly world: World;
  /** The node's machine: once it is stopped, the node is told nothing more. */
  readonly machine: Machine;
  /** Where the server is. */
  readonly port: number;
  readonly kind: RealBackplane;
  /** The backplane under test, at a port that leads to the server. */
  readonly backplane: (port: number) => Backplane;
  /** False while the server is down, or must not be reached. */
  readonly isUp: () => boolean;
}

/** Between attempts to open a store, and the longest wait for its end. */
const AGAIN_MS = 200;
const CLOSE_MS = 5_000;

/**
 * One node's way to a real broker: the backplane under test, and a proxy before the server that fails on command. The
 * store has a clock of its own that a kill does not stop, so that its driver can be ended afterwards; the proxy sees to it
 * that a dead node's store says nothing more.
 */
export class RealLink implements Link {
  readonly machine: Machine;
  isConnected = false;
  readonly #options: RealLinkOptions;
  readonly #clock: Machine;
  readonly #subscribed = new Set<string>();
  #proxy: TcpProxy | null = null;
  #store: OpenBackplane | null = null;
  #isCutOff = false;
  #lostShare = 0;
  #isOver = false;

  constructor(options: RealLinkOptions) {
    this.#options = options;
    this.machine = options.machine;
    this.#clock = options.world.machine(`${this.machine.name} store`);
  }

  get subscriptions(): number {
    return this.#subscribed.size;
  }

  /** Opens the store; tried again until it opens, or the node is dead. */
  async open(context: BackplaneContext, done: (opened: OpenBackplane) => void): Promise<void> {
    const { machine } = this;
    const { sink } = context;
    const isAlive = (): boolean => !machine.isStopped;
    const { port, kind, world } = this.#options;
    const isLost = (): boolean => {
      const isLosing = this.#lostShare > 0 && world.random.chance(this.#lostShare);
      if (isLosing) world.count("live deliveries lost");
      return isLosing;
    };
    this.#proxy = await TcpProxy.start({ host: "127.0.0.1", port }, () => liveLoss(kind, isLost));
    this.update();
    const backplane = this.#options.backplane(this.#proxy.port);
    const own: BackplaneContext = {
      ...context,
      ports: this.#clock,
      sink: {
        deliver: (channel, prev, pos, records) => void (isAlive() && sink.deliver(channel, prev, pos, records)),
        suspect: (channel) => void (isAlive() && sink.suspect(channel)),
        available: (isAvailable) => {
          this.isConnected = isAvailable;
          this.#options.world.note(`${machine.name} has ${isAvailable ? "found" : "lost"} the broker`);
          if (isAlive()) sink.available(isAvailable);
        },
        ownershipLost: (channels) => {
          this.#options.world.note(
            `${machine.name} has lost what it owns in ${channels?.join(", ") ?? "every channel"}`,
          );
          if (isAlive()) sink.ownershipLost(channels);
        },
      },
      onControl: (message) => void (isAlive() && context.onControl(message)),
    };
    for (;;) {
      const opened = await new Promise<OpenBackplane | Error>((resolve) => backplane.open(own, resolve));
      if (this.#isOver || !isAlive()) {
        if (!(opened instanceof Error)) opened.close(() => {});
        return;
      }
      if (!(opened instanceof Error)) {
        this.#store = opened;
        this.isConnected = true;
        return done(this.#watched(opened, context.faults.has("ack-before-append")));
      }
      this.#options.world.note(`${machine.name} can't open its store: ${opened.message}`);
      await new Promise<void>((resolve) => void this.#options.world.after(AGAIN_MS, resolve));
    }
  }

  partition(forMs: number): void {
    this.#isCutOff = true;
    this.update();
    this.#options.world.after(forMs, () => {
      this.#isCutOff = false;
      this.update();
    });
  }

  cut(): void {
    this.#proxy?.cutAfter(this.#options.world.random.int(0, 600));
  }

  freeze(forMs: number): void {
    this.#clock.freeze(forMs);
  }

  stall(forMs: number): void {
    this.#proxy?.stall();
    this.#options.world.after(forMs, () => this.#proxy?.resume());
  }

  /** Live messages get lost; that one comes twice or late is nothing that a connection does. */
  trouble({ lost, twice, late }: DeliveryTrouble, forMs: number): void {
    this.#lostShare = Math.max(lost, twice, late) / 2;
    this.#options.world.after(forMs, () => {
      this.#lostShare = 0;
    });
  }

  calm(): void {
    this.#isCutOff = false;
    this.#lostShare = 0;
    this.#proxy?.cutAfter(null);
    this.#proxy?.resume();
    this.update();
  }

  /** Lets through what may get through. */
  update(): void {
    if (this.#proxy === null) return;
    if (this.#options.isUp() && !this.#isCutOff && !this.#isOver) return this.#proxy.accept();
    this.#proxy.refuse();
    this.#proxy.reset();
  }

  /** Ends it: nothing gets through any more, and the driver is told to end. */
  async end(): Promise<void> {
    if (this.#isOver) return;
    this.#isOver = true;
    this.update();
    const store = this.#store;
    if (store !== null) {
      const closed = new Promise<void>((resolve) => store.close(resolve));
      const late = new Promise<void>((resolve) => setTimeout(resolve, CLOSE_MS).unref());
      await Promise.race([closed, late]);
    }
    await this.#proxy?.close();
  }

  /** Counts what the store knew already. */
  #counted(request: AppendRequest): AppendRequest {
    return {
      ...request,
      done: (result) => {
        if (result.ok && result.duplicate) this.#options.world.count("duplicates suppressed");
        request.done(result);
      },
    };
  }

  /** Notes what a node does on its own about entries: nobody else tells of it. */
  #noted(request: ApplyRequest): ApplyRequest {
    const { channel, change } = request;
    const what = change.op === "release" ? `releases ${change.instance} by ${change.holder}` : null;
    const again = change.op === "set" && change.restores !== undefined ? `sets ${change.key} again` : what;
    if (again === null) return request;
    const done: ApplyRequest["done"] = (result) => {
      this.#options.world.note(`${this.machine.name} ${again} in ${channel}: ${result.ok ? "done" : result.code}`);
      request.done(result);
    };
    return { ...request, done };
  }

  /** Answers with a place that nobody has stored anything at yet, and hands on what wants no answer any more. */
  #answered(request: AppendRequest): AppendRequest {
    const pos = formatPlace(firstPlace(this.#clock.id()));
    request.done({ ok: true, pos, at: this.#clock.wallMs(), duplicate: false });
    return { ...request, done: () => {} };
  }

  /** The store, with a count of what it is subscribed to. `isEarly`: the planted fault that answers before it stores. */
  #watched(opened: OpenBackplane, isEarly: boolean): OpenBackplane {
    const subscribed = this.#subscribed;
    const { channels } = opened;
    const watched: ChannelStore = {
      capabilities: channels.capabilities,
      get idempotencyEpoch() {
        return channels.idempotencyEpoch;
      },
      subscribe: (channel, options, done) => {
        subscribed.add(channel);
        channels.subscribe(channel, options, done);
      },
      unsubscribe: (channel) => {
        subscribed.delete(channel);
        channels.unsubscribe(channel);
      },
      append: (batch) =>
        channels.append(batch.map((request) => (isEarly ? this.#answered(request) : this.#counted(request)))),
      apply: (batch) => channels.apply(batch.map((request) => this.#noted(request))),
      read: (request, done) => channels.read(request, done),
      history: (request, done) => channels.history(request, done),
      snapshot: (channel, options, done) => channels.snapshot(channel, options, done),
      remove: (channel, options, done) => channels.remove(channel, options, done),
      close: () => channels.close(),
    };
    return {
      channels: watched,
      tickets: opened.tickets,
      control: opened.control,
      close: (done) => {
        this.#store = null;
        opened.close(done);
      },
    };
  }
}
