import type { Backplane, BackplaneContext, OpenBackplane } from "@carillon/server/backplane";
import { connect, errors, type NatsConnection, type NodeConnectionOptions } from "@nats-io/transport-node";
import { Broker } from "./broker.ts";
import type { ChannelContext } from "./channel.ts";
import { Health } from "./health.ts";
import { Identity } from "./identity.ts";
import { IdMemory } from "./id-memory.ts";
import { NatsChannels } from "./nats-channels.ts";
import { NatsControl } from "./nats-control.ts";
import { NatsTickets } from "./nats-tickets.ts";
import { NodeRegistry } from "./node-registry.ts";
import { serverOptions } from "./server-address.ts";
import { NatsStoreError, Trouble } from "./store-error.ts";
import { StoreClock } from "./store-clock.ts";
import { StreamSet } from "./stream-set.ts";
import { isPrefix, Names } from "./subject.ts";

/** Where NATS is, and how it is used. */
export interface NatsOptions {
  /**
   * Addresses of servers of one cluster, as `127.0.0.1:4222`, `nats://user:password@host:4222` or `tls://…`; in one text
   * separated by commas. User and password, or a token, are taken from the first that has any.
   */
  readonly servers: string | readonly string[];
  /**
   * Starts the names of all streams and subjects: letters, digits, `_` and `-`, 32 at most. Applications that share a
   * NATS each need their own. Default `carillon`.
   */
  readonly name?: string;
  /** Milliseconds for which an operation may try while NATS can't be reached, before it fails. Default 2,000. */
  readonly patienceMs?: number;
  /** Milliseconds for which opening waits for NATS to be reachable. Default 10,000. */
  readonly startMs?: number;
  /** Bytes of payload kept in memory, so that it need not be read again. Default 128 MiB. */
  readonly cacheBytes?: number;
  /**
   * Milliseconds for which messages between nodes are kept for those who miss them. A node that was away for longer ends
   * its sessions, which come back. Default 60,000.
   */
  readonly messagesMs?: number;
  /** Anything else for the driver: credentials, TLS. */
  readonly connection?: Omit<NodeConnectionOptions, "servers">;
}

const VERSION_MIN: readonly [number, number] = [2, 9];
const CACHE_BYTES = 134_217_728;
const PATIENCE_MS = 2_000;
/** A broken connection that nobody has closed is noticed after two pings without an answer. */
const PING_MS = 2_000;
const RECONNECT_MS = 100;
/**
 * One attempt to connect. A connection that breaks in the middle of its greeting is noticed by this time alone, so it is
 * well below the lease: otherwise one cut more would cost a node that lives the entries of its sessions.
 */
const CONNECT_MS = 1_500;
const START_MS = 10_000;
const START_RETRY_MS = 200;
const CONTROL_AGE_MS = 60_000;
/** An answer may take so long, however impatient the application is. */
const REQUEST_MIN_MS = 1_000;
/** Between looks whether everything is answered. */
const CLOSING_MS = 5;

/**
 * The backplane for several servers on NATS with JetStream, 2.9 or newer: logs, states, credentials, revocations and the
 * memory of publication ids. What is acknowledged is stored by JetStream; when that is synced to disk is a setting of
 * NATS, see the README. Opening fails with a {@link NatsStoreError} whose sentence says what to do.
 *
 * @example
 * createCarillon({ contract, user, backplane: nats({ servers: "127.0.0.1:4222" }), authorize });
 */
export function nats(options: NatsOptions): Backplane {
  return {
    name: "nats",
    open: (context, done) => {
      void answer(openStore(options, context), done);
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

/** Opens the store; while NATS can't be reached it is tried again for a while: it may be starting, as this server is. */
async function openStore(options: NatsOptions, context: BackplaneContext): Promise<OpenBackplane> {
  const { ports, logger } = context;
  const end = ports.monotonicMs() + (options.startMs ?? START_MS);
  for (let attempt = 0; ; attempt++) {
    try {
      return await tryToOpen(options, context);
    } catch (error) {
      const mayPass = error instanceof NatsStoreError && error.code === "unreachable";
      if (!mayPass || ports.monotonicMs() >= end) throw error;
      if (attempt === 0) logger.warn("NATS can't be reached yet.", { error: error.message });
      await new Promise<void>((resolve) => void ports.after(START_RETRY_MS, resolve));
    }
  }
}

async function tryToOpen(options: NatsOptions, context: BackplaneContext): Promise<OpenBackplane> {
  const { name = "carillon" } = options;
  if (!isPrefix(name)) {
    const message = `The name of a NATS backplane: expected 1 to 32 of A-Z, a-z, 0-9, _ and -, got "${name.slice(0, 64)}".`;
    throw new NatsStoreError("misconfigured", message);
  }
  const connection = await connectTo(options);
  try {
    return await start(options, new Names(name), connection, context);
  } catch (error) {
    await connection.close();
    if (!(error instanceof Trouble)) throw error;
    const message = `NATS at ${connection.getServer()} can't be used: ${error.message}`;
    throw new NatsStoreError("unreachable", message, { cause: error });
  }
}

async function connectTo({ servers, connection }: NatsOptions): Promise<NatsConnection> {
  const server = serverOptions(servers);
  try {
    return await connect({
      timeout: CONNECT_MS,
      ...server,
      ...connection,
      servers: [...server.servers],
      reconnect: true,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: RECONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      noAsyncTraces: true,
      ignoreAuthErrorAbort: true,
    });
  } catch (error) {
    const where = server.servers.join(", ");
    if (error instanceof errors.AuthorizationError) {
      const message =
        server.user === undefined && server.token === undefined && connection === undefined
          ? `NATS at ${where} wants credentials and got none: expected a URL like nats://user:password@host:4222.`
          : `NATS at ${where} lets nobody in by this user and password: ${error.message}.`;
      throw new NatsStoreError("refused", message, { cause: error });
    }
    const message = `NATS can't be reached at ${where}: ${error instanceof Error ? error.message : String(error)}.`;
    throw new NatsStoreError("unreachable", message, { cause: error });
  }
}

function checkServer(connection: NatsConnection): void {
  const { version = "unknown", jetstream } = connection.info ?? {};
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMin, minorMin] = VERSION_MIN;
  if (major < majorMin || (major === majorMin && minor < minorMin)) {
    throw new NatsStoreError("too_old", `Expected NATS ${majorMin}.${minorMin} or newer, got ${version}.`);
  }
  if (jetstream !== true) {
    throw new NatsStoreError(
      "no_jetstream",
      "Expected a NATS server with JetStream; start it with -js, and a folder with -sd.",
    );
  }
}

/** What every part of the backplane works with, once the store has said who it is and what time it is. */
interface Foundation {
  readonly broker: Broker;
  readonly names: Names;
  readonly streams: StreamSet;
  readonly clock: StoreClock;
  readonly identity: Identity;
  readonly patienceMs: number;
  readonly logAgeMs: number;
  readonly messagesMs: number;
}

async function found(
  options: NatsOptions,
  names: Names,
  connection: NatsConnection,
  { ports, limits }: BackplaneContext,
): Promise<Foundation> {
  checkServer(connection);
  const patienceMs = options.patienceMs ?? PATIENCE_MS;
  const broker = new Broker(connection, ports, Math.max(REQUEST_MIN_MS, patienceMs));
  const logAgeMs = Math.max(limits.idempotencyWindowMs, limits.resumeTtlMs);
  const streams = new StreamSet(broker, names, { logAgeMs });
  await streams.check();
  const meta = await streams.plain(names.meta, `${names.prefix}.meta.*`, { maxAgeMs: 0, perSubject: 1 });
  const clock = new StoreClock(broker, ports, meta, names.plain("meta", "clock"));
  const identity = new Identity(meta, names.plain("meta", "identity"), ports);
  await identity.load();
  await clock.compare();
  const messagesMs = options.messagesMs ?? CONTROL_AGE_MS;
  return { broker, names, streams, clock, identity, patienceMs, logAgeMs, messagesMs };
}

async function start(
  options: NatsOptions,
  names: Names,
  connection: NatsConnection,
  context: BackplaneContext,
): Promise<OpenBackplane> {
  const foundation = await found(options, names, connection, context);
  const { broker } = foundation;
  const control = await openControl(foundation, context);
  const tickets = openTickets(foundation, context);
  await tickets.open();
  // From here on nothing is waited for: the registry listens at once, and tells of the dead those that are made behind it.
  const registry: NodeRegistry = new NodeRegistry(
    broker,
    context.ports,
    { subject: `${names.prefix}.beat`, graceMs: context.limits.graceMs },
    { onDead: () => channels.reap(), onSilence: () => health.compare() },
  );
  control.know(registry);
  registry.start();
  const channels: NatsChannels = new NatsChannels({
    ...channelContext(foundation, context, { registry, control, downMs: () => health.downMs }),
    // It changes when the node begins anew.
    get node() {
      return registry.node;
    },
    broker,
    names,
    streams: foundation.streams,
    cacheBytes: options.cacheBytes ?? CACHE_BYTES,
  });
  const parts = { channels, tickets, control, registry };
  const health: Health = watchOver(foundation, parts, context);
  return {
    channels,
    tickets,
    control,
    close: (done) => {
      health.close();
      tickets.close();
      void closeAll(parts, broker, context, foundation.patienceMs, done);
    },
  };
}

async function openControl(
  { names, streams, broker, messagesMs }: Foundation,
  context: BackplaneContext,
): Promise<NatsControl> {
  const subjects = { send: `${names.prefix}.control`, live: `${names.prefix}.live.control` };
  const bus = await streams.repeated(names.control, subjects.send, subjects.live, messagesMs);
  const control = new NatsControl(broker, bus, subjects, context);
  await control.catchUp();
  return control;
}

function openTickets({ broker, names, streams, clock }: Foundation, { ports, limits }: BackplaneContext): NatsTickets {
  const ttlMs = Math.max(limits.ticketTtlMs, limits.resumeTtlMs);
  return new NatsTickets({
    ports,
    names,
    streams,
    clock,
    turn: () => broker.turn,
    ticketsMax: limits.tickets,
    ttlMs,
  });
}

function channelContext(
  { clock, identity, patienceMs, logAgeMs }: Foundation,
  backplane: BackplaneContext,
  around: { readonly registry: NodeRegistry; readonly control: NatsControl; readonly downMs: () => number },
): Omit<ChannelContext, "node"> {
  const { idempotencyWindowMs: windowMs, idempotencyEntries: entries } = backplane.limits;
  return {
    backplane,
    ids: new IdMemory({ windowMs, entries }),
    now: () => clock.now(),
    isDead: (node) => around.registry.isDead(node),
    isCaughtUp: () => around.control.isCaughtUp,
    idempotencyEpoch: () => identity.epoch,
    patienceMs,
    isDown: () => around.downMs() > patienceMs,
    load: { operations: 0 },
    logAgeMs,
  };
}

/** What is looked after, all the time. */
interface Parts {
  readonly channels: NatsChannels;
  readonly tickets: NatsTickets;
  readonly control: NatsControl;
  readonly registry: NodeRegistry;
}

function watchOver({ broker, streams, identity, clock }: Foundation, parts: Parts, context: BackplaneContext): Health {
  const { channels, tickets, control, registry } = parts;
  /** Whatever is known may be out of date. */
  const compareAll = async (): Promise<void> => {
    registry.forgiveAll();
    streams.forget();
    await identity.load();
    await tickets.open();
    await channels.doubtAll();
    // Others may have taken this node for dead, or what its sessions have set is not there any more.
    registry.renew();
    context.sink.ownershipLost(null);
  };
  const health = new Health(broker, context, {
    watch: async () => {
      await control.catchUp();
      if (!context.faults.has("no-silence-watch") && (await channels.watch())) await compareAll();
    },
    compareClocks: () => clock.compare(),
    compare: compareAll,
    tick: (isAvailable) => {
      if (isAvailable) channels.tidy();
    },
  });
  broker.onConnected((isConnected) => {
    if (isConnected) return;
    control.doubt();
    // Not only when all is compared: until then a publish could go out on top of what the store does not have any more.
    channels.distrustAll();
  });
  health.start();
  return health;
}

/** What was asked for is answered before the connection ends, if NATS answers. */
async function closeAll(
  { channels, control, registry }: Parts,
  broker: Broker,
  { ports, logger }: BackplaneContext,
  patienceMs: number,
  done: () => void,
): Promise<void> {
  const end = ports.monotonicMs() + patienceMs;
  while ((channels.isBusy || control.isBusy) && ports.monotonicMs() < end) {
    await new Promise<void>((resolve) => void ports.after(CLOSING_MS, resolve));
  }
  control.close();
  registry.leave();
  channels.close();
  const [ended] = await Promise.allSettled([broker.close()]);
  if (ended.status === "rejected")
    logger.debug("The connection to NATS did not end well.", { error: String(ended.reason) });
  done();
}
