import type { Backplane, BackplaneContext, OpenBackplane } from "@carillon/server/backplane";
import { Redis } from "ioredis";
import { Broker } from "./broker.ts";
import { Bus } from "./bus.ts";
import { EntryEnds } from "./entry-ends.ts";
import { IdsEpoch } from "./ids-epoch.ts";
import { Keys } from "./keys.ts";
import { Lease } from "./lease.ts";
import { LogCalls } from "./log-calls.ts";
import { RedisChannels } from "./redis-channels.ts";
import { RedisTickets } from "./redis-tickets.ts";
import { serverOptions, type DriverOptions } from "./server-address.ts";
import { checkServer, warnOfLosses } from "./server-check.ts";
import { StateCalls } from "./state-calls.ts";
import { RedisError } from "./store-error.ts";
import { explain, type StoreParts } from "./store-parts.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Watch } from "./watch.ts";

/** Where Redis is, and how long to wait for it. */
export interface RedisBackplaneOptions {
  /** `redis://` or `rediss://`, user and password in it if there are any. Of a cluster: any server of it. */
  readonly url?: string;
  /** Name in front of every key; nodes with the same name are one cluster. Default `carillon`. */
  readonly name?: string;
  /** Calls that get no answer for this long end the connection and fail with `timeout`. Default 3,000 ms. */
  readonly timeoutMs?: number;
  /** While a connection is being made again, requests wait for this long before they fail. Default 1,000 ms. */
  readonly patienceMs?: number;
  /** Between looks for live messages that were lost (P6). Default 500 ms. */
  readonly watchMs?: number;
  /** Requests that may wait for Redis at once on this node; more fail with `overloaded`. Default 50,000. */
  readonly requestsMax?: number;
  /** Bytes that may wait. Default 64 MiB. */
  readonly requestBytesMax?: number;
  /**
   * Messages between nodes that are kept for those who miss them. A node that was away for more ends its sessions, which
   * come back. Each connect sends one, so an avalanche of clients must fit. Default 100,000.
   */
  readonly messagesMax?: number;
  /** Further options of the driver: TLS, Sentinel, a user name. */
  readonly driver?: DriverOptions;
}

/** A channel in which nothing has happened for this long, and in which nothing is kept, begins anew: thirty days. */
const HEAD_MS = 2_592_000_000;

const DEFAULTS = {
  url: "redis://127.0.0.1:6379",
  name: "carillon",
  timeoutMs: 3_000,
  patienceMs: 1_000,
  watchMs: 500,
  requestsMax: 50_000,
  requestBytesMax: 67_108_864,
  messagesMax: 100_000,
  driver: {},
} satisfies Required<RedisBackplaneOptions>;

/**
 * The backplane of many nodes over Redis 7 or newer, one server or a cluster. What is acknowledged is in Redis; whether it
 * survives Redis is up to its append-only file. A log that went back is found out by its positions, and each subscriber
 * is told. Opening fails with a {@link RedisError} whose sentence says what to do.
 *
 * @example
 * createCarillon({ contract, user, backplane: redis({ url: "redis://10.0.0.5:6379" }), authorize });
 */
export function redis(options: RedisBackplaneOptions = {}): Backplane {
  const settings = { ...DEFAULTS, ...options };
  if (!/^[\w.-]{1,64}$/.test(settings.name)) {
    throw new RedisError("bad_options", "Expected name to be 1 to 64 letters, digits, dots or dashes.");
  }
  const server = serverOptions(settings.url, settings.driver);
  return {
    name: "redis",
    open: (context, done) => {
      void answer(openStore(server, settings, context), done);
    },
  };
}

/** Hands over what was opened, or the error that says why not. */
async function answer(
  opening: Promise<OpenBackplane>,
  done: (backplane: OpenBackplane | Error) => void,
): Promise<void> {
  const [opened] = await Promise.allSettled([opening]);
  if (opened.status === "fulfilled") done(opened.value);
  else done(opened.reason instanceof Error ? opened.reason : new Error(String(opened.reason)));
}

type Settings = typeof DEFAULTS;

async function openStore(server: DriverOptions, settings: Settings, context: BackplaneContext): Promise<OpenBackplane> {
  const { ports, logger } = context;
  const endMs = ports.monotonicMs() + settings.timeoutMs;
  for (;;) {
    const first = await firstConnection(server, settings, context);
    const store = new OpenStore(server, settings, context);
    try {
      await warnOfLosses(first, logger);
      await store.open(first);
      return store;
    } catch (error) {
      store.abandon();
      // Lost between the first connection and the others: the server starts, or this machine is busy. It is tried again.
      if (error instanceof RedisError || ports.monotonicMs() >= endMs) throw unreachable(server, error);
    } finally {
      first.disconnect();
    }
  }
}

/** A connection to a server that is fit for use; tried until the time is over, since the two may start together. */
async function firstConnection(
  server: DriverOptions,
  { timeoutMs }: Settings,
  { ports }: BackplaneContext,
): Promise<Redis> {
  const endMs = ports.monotonicMs() + timeoutMs;
  // The last attempt may be cut short; then what an earlier one heard says more.
  let reason: unknown = null;
  for (;;) {
    const first = new Redis({ ...server, lazyConnect: true, retryStrategy: () => null, connectTimeout: timeoutMs });
    first.on("error", (error) => {
      reason = error;
    });
    const timer = ports.after(Math.max(1, endMs - ports.monotonicMs()), () => first.disconnect());
    try {
      await first.connect();
      await checkServer(first);
      return first;
    } catch (error) {
      first.disconnect();
      if (error instanceof RedisError) throw error;
      if (REFUSAL.test(String(reason))) throw refused(server, reason);
      if (ports.monotonicMs() >= endMs) throw unreachable(server, reason ?? error);
      await new Promise<void>((resolve) => ports.after(100, resolve));
    } finally {
      timer.cancel();
    }
  }
}

/** What Redis says to whom it does not let in. */
const REFUSAL = /\b(?:WRONGPASS|NOAUTH|NOPERM)\b/;

function refused({ host, port }: DriverOptions, error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  const where = `Redis at ${host}:${port}`;
  const sentence = message.includes("NOAUTH")
    ? `${where} wants a password and got none: expected a URL like redis://user:password@${host}:${port}.`
    : `${where} lets nobody in by this user and password: ${message}`;
  return new RedisError("refused", sentence, { cause: error });
}

/** What the driver says of an answer that is none of Redis's, and asks to be told as a fault of its own. */
const NO_REDIS = /\bUnknown RESP type\b/;

function unreachable({ host, port }: DriverOptions, error: unknown): Error {
  if (error instanceof RedisError) return error;
  const said = error instanceof Error ? error.message : String(error);
  const message = NO_REDIS.test(said) ? "what answers there is no Redis" : said;
  return new RedisError("unreachable", `Redis at ${host}:${port} does not serve: ${message}`, { cause: error });
}

/** Redis, opened for one node. */
class OpenStore implements OpenBackplane {
  readonly channels: RedisChannels;
  readonly tickets: RedisTickets;
  readonly control: Bus;
  readonly #broker: Broker;
  readonly #epoch: IdsEpoch;
  readonly #lease: Lease;
  readonly #ends: EntryEnds;
  readonly #watch: Watch;
  /** The planted fault of that kind; see the server's core/faults.ts. */
  readonly #isBlind: boolean;
  #isClosed = false;

  constructor(server: DriverOptions, settings: Settings, context: BackplaneContext) {
    const { ports, logger, limits, sink, faults } = context;
    this.#isBlind = faults.has("no-silence-watch");
    const { timeoutMs, watchMs } = settings;
    const keys = new Keys(settings.name);
    const broker = this.#makeBroker(server, settings, context, () => subscriptions);
    this.#broker = broker;
    this.#epoch = new IdsEpoch(broker, keys, ports);
    const reap = (channel: string, incarnation: string): Promise<void> => states.reap(channel, incarnation);
    const onLost = (): void => void this.#restore(context);
    this.#lease = new Lease({ ports, logger, broker, keys, graceMs: limits.graceMs, reap, onLost });
    const bus = (): Bus => this.control;
    const parts: StoreParts = {
      context,
      broker,
      keys,
      epoch: this.#epoch,
      lease: this.#lease,
      bus,
      headMs: HEAD_MS,
    };
    const untilNext = (channel: string, ms: number | null): void => this.#ends.untilNext(channel, ms);
    const states = new StateCalls(parts, untilNext);
    const subscriptions: Subscriptions = new Subscriptions({
      broker,
      keys,
      sink,
      logger,
      delivered: (subscribed, records) => this.#ends.delivered(subscribed, records),
    });
    this.#ends = new EntryEnds(
      ports,
      (channel) => states.expire(channel),
      (channel) => subscriptions.get(channel) !== undefined,
    );
    this.control = new Bus({
      ports,
      broker,
      keys,
      logger,
      kept: settings.messagesMax,
      lease: () => this.#lease,
      explain: (error) => explain(parts, error),
      onControl: context.onControl,
      onCaughtUp: () => subscriptions.heal(),
    });
    const also = (): Promise<void> => this.control.catchUp();
    this.#watch = new Watch({ ports, broker, keys, subscriptions, intervalMs: watchMs, also });
    const bounds = { requests: settings.requestsMax, bytes: settings.requestBytesMax, waitMs: timeoutMs };
    this.channels = new RedisChannels({ parts, subscriptions, logs: new LogCalls(parts), states, bounds, untilNext });
    this.tickets = new RedisTickets(parts, limits.tickets);
  }

  #makeBroker(
    server: DriverOptions,
    { timeoutMs, patienceMs }: Settings,
    { ports, logger, sink }: BackplaneContext,
    subscriptions: () => Subscriptions,
  ): Broker {
    const broker: Broker = new Broker({
      server,
      ports,
      logger,
      timeoutMs,
      patienceMs,
      onMessage: (name, message) => {
        if (name === this.control.live) this.control.message(message);
        else if (this.control.isCaughtUp) subscriptions().message(name, message);
        else subscriptions().hold(name);
      },
      onActive: (names) => subscriptions().active(names),
      onAvailable: (isAvailable) => {
        sink.available(isAvailable);
        // In a cluster the servers that are left go on serving; what was missed of the bus is read when all are back.
        if (isAvailable === broker.isCluster) this.control.doubt();
        if (!isAvailable) return;
        void this.control.catchUp();
        this.#lease.returned();
      },
    });
    return broker;
  }

  /** Connects, and begins to look after what has to be looked after. */
  async open(first: Redis): Promise<void> {
    await this.#broker.open(first);
    await Promise.all([this.#epoch.open(), this.control.open(), this.#lease.beat()]);
    if (!this.#isBlind) this.#watch.start();
    this.#lease.start();
  }

  close(done: () => void): void {
    void this.#close(done);
  }

  /** Ends what was begun by an `open` that failed. */
  abandon(): void {
    this.#watch.close();
    this.#lease.close();
    this.#ends.close();
    this.control.close();
    this.channels.close();
    this.#broker.close();
  }

  /** Once it is known which sessions have been replaced elsewhere, those that live set again what they own. */
  async #restore({ sink }: BackplaneContext): Promise<void> {
    this.control.doubt();
    void this.control.catchUp();
    await this.control.caughtUp();
    if (!this.#isClosed) sink.ownershipLost(null);
  }

  async #close(done: () => void): Promise<void> {
    this.#isClosed = true;
    this.#lease.close();
    this.#watch.close();
    this.#ends.close();
    // What was asked for before is answered first; it waits no longer than it may anyway.
    await Promise.allSettled([this.channels.end(), this.control.end()]);
    await this.#lease.leave();
    this.abandon();
    done();
  }
}
