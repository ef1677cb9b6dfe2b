import {
  CarillonError,
  CLOSE_CODES,
  DefinitionError,
  parseDuration,
  SUBPROTOCOL,
  validate,
  type Contract,
} from "@carillon/protocol";
import type { Server as HttpServer } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { OpenBackplane } from "./backplane/backplane.ts";
import { memory } from "./backplane/memory.ts";
import { NO_FAULTS, type Faults } from "./core/faults.ts";
import { DEFAULT_LIMITS, type Limits } from "./core/limits.ts";
import type { Logger } from "./core/logger.ts";
import { GAUGES, type Metrics } from "./core/metrics.ts";
import type { Ports } from "./core/ports.ts";
import type { ControlMessage } from "./backplane/control.ts";
import { ApplicationApi } from "./face/application-api.ts";
import { Cluster, ownSurveys } from "./face/cluster.ts";
import { Drain } from "./face/drain.ts";
import { applicationHooks } from "./face/hooks.ts";
import type { CarillonOptions, TicketRequest, UserSchema } from "./face/options.ts";
import { Surveys } from "./face/surveys.ts";
import { RawGateway } from "./gateway/raw-gateway.ts";
import type { RawChannelRoute, RawHandlerRoute } from "./gateway/raw-options.ts";
import { Node } from "./node.ts";
import { ConnectionQuota } from "./policy/connection-quota.ts";
import { unmetNeed } from "./policy/needs.ts";
import { OriginList } from "./policy/origins.ts";
import { Targets } from "./policy/target.ts";
import { Tickets } from "./policy/tickets.ts";
import { attachUpgrades, type Attachment, type UpgradeRoute } from "./transport/attach.ts";
import { systemPorts } from "./transport/clock.ts";
import { consoleLogger } from "./transport/console-logger.ts";

/** Issues and revokes what lets users in. */
export interface TicketDesk<U extends UserSchema> {
  /** A ticket for a user whom the application knows. Rejects with a `CarillonError`, `invalid_data` for a wrong user. */
  issue(request: TicketRequest<U>): Promise<string>;
  /** Refuses every ticket and credential that the user has, and ends the user's sessions, on every node. */
  revoke(userId: string): Promise<void>;
}

/** How {@link Carillon.close} goes about it. */
export interface CloseOptions {
  /**
   * Clients are told to leave spread over this time, in milliseconds. Default 0: at once. Closing takes up to 1.5 s longer,
   * and as long as the backplane needs to write what it was asked to, 15 s at most.
   */
  readonly drainMs?: number;
}

/** A backplane closes within this time, or is left behind. */
const CLOSE_MS = 15_000;

/** A realtime server: the application's face to one node. */
export class Carillon<C extends Contract, U extends UserSchema> extends ApplicationApi<C> {
  readonly tickets: TicketDesk<U>;
  /** What the node counts; see {@link Metrics}. */
  readonly metrics: Metrics;
  /** The nodes that share the backplane, and questions to all of them. */
  readonly cluster: Cluster;
  readonly #surveys: Surveys;
  readonly #node: Node;
  readonly #options: CarillonOptions<C, U>;
  readonly #logger: Logger;
  readonly #ports: Ports;
  readonly #limits: Limits;
  readonly #origins: OriginList;
  readonly #quota: ConnectionQuota;
  readonly #gateway: RawGateway;
  readonly #attachments: Attachment[] = [];
  readonly #ready: Promise<OpenBackplane>;
  readonly #drain: Drain;
  #tickets: Tickets | null = null;
  /** Somebody has called `ready()`, and will be told how it ended. */
  #isAwaited = false;

  /** Use {@link createCarillon}; `faults` are for controls alone. */
  constructor(options: CarillonOptions<C, U>, faults: Faults = NO_FAULTS) {
    const ports = options.ports ?? systemPorts();
    const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
    const logger = options.logger ?? consoleLogger();
    const hooks = applicationHooks({ options, ports, limits, logger });
    const { contract } = options;
    const targets = new Targets(contract);
    const node = new Node({ ports, limits, logger, faults, targets, contractVersion: contract.version, hooks });
    super(node);
    for (const name of Object.keys(contract.calls)) {
      if (options.calls === undefined || !(name in options.calls))
        throw new DefinitionError(`Call ${name}: expected a handler in calls.`);
    }
    this.#node = node;
    this.#options = options;
    this.#logger = logger;
    this.#ports = ports;
    this.#limits = limits;
    this.#origins = new OriginList(options.origins ?? []);
    this.#quota = new ConnectionQuota(limits);
    this.#gateway = new RawGateway(node);
    this.#drain = new Drain(node);
    for (const [path, route] of Object.entries(options.raw ?? {})) this.#gateway.check(path, route);
    for (const name of Object.keys(options.surveys ?? {})) {
      if (name.startsWith("@"))
        throw new DefinitionError(`Survey ${name}: expected a name that does not start with @.`);
    }
    this.#surveys = new Surveys({
      ports,
      limits,
      logger,
      control: () => node.backplane.control,
      handlers: new Map([...Object.entries(options.surveys ?? {}), ...ownSurveys(node)]),
    });
    this.cluster = new Cluster(node, this.#surveys, () => this.#ready);
    this.metrics = node.metrics;
    this.tickets = { issue: (request) => this.#issue(request), revoke: (userId) => this.#revoke(userId) };
    this.#ready = this.#open(faults);
    // Whoever waits for ready() gets the error; whoever doesn't must not be ended by it as an unhandled rejection.
    this.#ready.catch((error: unknown) => {
      if (!this.#isAwaited) logger.error("The backplane can't be opened.", { error: String(error) });
    });
  }

  /** Resolves once the backplane is open and connections are served; rejects with the sentence that says why not. */
  async ready(): Promise<void> {
    this.#isAwaited = true;
    await this.#ready;
  }

  /**
   * Serves WebSockets on the paths of this server, beside whatever else listens on the HTTP server; other paths are left
   * alone. Until the backplane is open, upgrades are answered 503. Returns the removal; connections outlive it.
   */
  attach(server: HttpServer | HttpsServer): () => void {
    const routes = new Map<string, UpgradeRoute>();
    const { path = "/realtime", raw = {}, trustProxy = 0 } = this.#options;
    routes.set(path, this.#realtimeRoute());
    for (const [rawPath, route] of Object.entries(raw)) routes.set(rawPath, this.#rawRoute(route));
    const attachment = attachUpgrades(server, {
      routes,
      ports: this.#ports,
      logger: this.#logger,
      trustProxyHops: trustProxy,
    });
    this.#attachments.push(attachment);
    return () => attachment.detach();
  }

  /**
   * Leaves: accepts nothing more, tells clients to reconnect elsewhere spread over `drainMs`, then ends what is left and
   * closes the backplane. What was acknowledged stays acknowledged. The HTTP server is the application's to close.
   */
  async close({ drainMs = 0 }: CloseOptions = {}): Promise<void> {
    const { text } = CLOSE_CODES.draining;
    await this.#drain.run(
      drainMs,
      this.#attachments.flatMap((attachment) => attachment.untold(text)),
    );
    for (const attachment of this.#attachments) attachment.detach();
    this.#node.close();
    // Sessions have ended; this is for raw peers, and for those that never said who they are.
    for (const attachment of this.#attachments.splice(0)) attachment.end(text);
    const backplane = await this.#ready.catch(() => null);
    if (backplane !== null) await this.#closeBackplane(backplane);
  }

  /** A store that does not answer any more must not keep the process from ending. */
  async #closeBackplane(backplane: OpenBackplane): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#ports.after(CLOSE_MS, () => {
        this.#logger.warn("The backplane did not close in time.");
        resolve();
      });
      backplane.close(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  /**
   * Everything that the node holds for connections, counted: each number is zero when there are none.
   *
   * @internal Tests reach it by `holdings` of `@carillon/server/testing`.
   */
  inspect(): Readonly<Record<string, number>> {
    const { metrics, hub, registry, wheel, connectTimeouts } = this.#node;
    return {
      ...Object.fromEntries(GAUGES.map((name) => [`gauge ${name}`, metrics[name]])),
      "channels in the hub": hub.size,
      "entries of the registry": registry.entries,
      heartbeats: wheel.size,
      "connects awaited": connectTimeouts.size,
      "connections in the quota": this.#quota.connections,
      "addresses in the quota": this.#quota.addresses,
    };
  }

  #open(faults: Faults): Promise<OpenBackplane> {
    const node = this.#node;
    const context = {
      ports: this.#ports,
      limits: this.#limits,
      logger: this.#logger,
      faults,
      sink: node,
      onControl: (message: ControlMessage) => {
        if (message.type !== "ask" && message.type !== "answer") return node.onControl(message);
        // Before the backplane is open there is no answer to be given, and nothing was asked.
        if (node.isOpen) this.#surveys.take(message);
      },
    };
    const backplane = this.#options.backplane ?? memory();
    return new Promise((resolve, reject) => {
      backplane.open(context, (opened) => {
        if (opened instanceof Error) return reject(opened);
        const unmet = unmetNeed(this.#options.contract, backplane.name, opened.channels.capabilities);
        if (unmet !== null) return opened.close(() => reject(unmet));
        this.#tickets = new Tickets(opened.tickets, this.#ports, this.#limits);
        node.open(opened, this.#tickets);
        resolve(opened);
      });
    });
  }

  #realtimeRoute(): UpgradeRoute {
    const { messageBytes, fragmentsPerMessage, unauthenticatedBytes } = this.#limits;
    return {
      protocols: [SUBPROTOCOL],
      isDeflating: this.#options.compression === true,
      allowsOrigin: (origin) => this.#origins.allows(origin),
      isDraining: () => this.#drain.isDraining || !this.#node.isOpen,
      limits: { messageBytes, fragmentsPerMessage, unauthenticatedBytes, tooLargeCode: 4503 },
      reserve: (remoteAddress) => this.#quota.reserve(remoteAddress),
      release: (remoteAddress) => this.#quota.release(remoteAddress),
      leavingCode: CLOSE_CODES.draining.code,
      accept: (connection) => this.#node.accept(connection),
    };
  }

  #rawRoute(route: RawHandlerRoute | RawChannelRoute): UpgradeRoute {
    const { fragmentsPerMessage } = this.#limits;
    const messageBytes = route.messageBytes ?? this.#limits.messageBytes;
    const origins =
      route.origins === undefined ? this.#origins : route.origins === "any" ? null : new OriginList(route.origins);
    return {
      protocols: null,
      allowsOrigin: (origin) => origins === null || origins.allows(origin),
      isDraining: () => this.#drain.isDraining || !this.#node.isOpen,
      // A message of 16 MiB may well come in fragments of 128 bytes; their number is bounded by the message's size.
      limits: {
        messageBytes,
        fragmentsPerMessage: Math.max(fragmentsPerMessage, Math.ceil(messageBytes / 128)),
        unauthenticatedBytes: messageBytes,
        tooLargeCode: 1009,
      },
      reserve: (remoteAddress) => this.#quota.reserve(remoteAddress),
      release: (remoteAddress) => this.#quota.release(remoteAddress),
      accept: (connection, { path, query }) => {
        // Path and query were written by the peer; the host is not looked at, so that it can't matter.
        const url = new URL(`ws://localhost${path}?${query}`);
        return this.#gateway.accept(connection, route, url);
      },
    };
  }

  async #issue({ user, ip, origin, ttl, lifetime }: TicketRequest<U>): Promise<string> {
    await this.#ready;
    const valid = await validate(this.#options.user, user);
    if (!valid.ok) throw new CarillonError("invalid_data", `The user of a ticket: ${valid.problem}`);
    const request = {
      user: valid.value,
      ip: ip ?? null,
      origin: origin ?? null,
      lifetimeMs: lifetime === undefined ? null : parseDuration(lifetime, "lifetime"),
      ...(ttl === undefined ? {} : { ttlMs: parseDuration(ttl, "ttl") }),
    };
    return new Promise((resolve, reject) => {
      this.#tickets?.issue(request, (result) =>
        result instanceof CarillonError ? reject(result) : resolve(result.ticket),
      );
    });
  }

  async #revoke(userId: string): Promise<void> {
    await this.#ready;
    await new Promise<void>((resolve, reject) => {
      this.#tickets?.revoke(userId, (result) => (result instanceof CarillonError ? reject(result) : resolve()));
    });
    this.#node.revoke(userId);
  }
}

/**
 * Makes a realtime server from a contract and the application's rules. Throws a `DefinitionError` for options that can't
 * work. It serves nothing until it is attached to an HTTP server.
 *
 * @example
 * const carillon = createCarillon({ contract, user, authorize: { "chat:{room}": ({ user }) => ({ subscribe: true }) } });
 * carillon.attach(httpServer);
 */
export function createCarillon<const C extends Contract, U extends UserSchema>(
  options: CarillonOptions<C, U>,
): Carillon<C, U> {
  return new Carillon(options);
}
