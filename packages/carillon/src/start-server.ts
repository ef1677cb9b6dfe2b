import { consoleLogger, ownOrigins, type CommonOptions, type Limits, type Logger } from "@carillon/server";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { createChatApp, type ChatApp } from "./chat-app.ts";
import { guestTickets } from "./guest-tickets.ts";
import { openGuests } from "./guests.ts";
import { HttpListener } from "./http-listener.ts";
import { createOpenApp, openPaths, type OpenDoors } from "./open-app.ts";
import { backplaneOf, startFailure } from "./open-store.ts";
import { Router, type Route } from "./router.ts";
import { Site } from "./site.ts";
import { StartError } from "./start-error.ts";
import { staticRoutes } from "./static-files.ts";
import type { StoreChoice } from "./store-choice.ts";

/** Of {@link StartOptions.drainMs}. */
const DRAIN_MS = 1_000;
/** What is under way when the node has left may end within this time, in milliseconds. */
const CLOSE_GRACE_MS = 1_000;
/** The page as `npm run build` leaves it, seen from `src/` and from `dist/` alike. */
const PAGE_FOLDER = fileURLToPath(new URL("../dist/chat/", import.meta.url));

/** What {@link startServer} takes. */
export interface StartOptions {
  /** Address to listen on. Default `127.0.0.1`. */
  readonly host?: string;
  /** Port to listen on. Default 0: any free one. */
  readonly port?: number;
  /** Where everything is kept; a folder is made if it is not there. Default: in memory, until the server ends. */
  readonly store?: StoreChoice;
  /** Clients are told to leave spread over this time, in milliseconds; with nobody there it takes none. Default 1,000. */
  readonly drainMs?: number;
  /** Signs the cookies of guests. Default null: the key that is kept with everything else. */
  readonly guestKey?: Uint8Array | null;
  /** Proxies in front that add to `X-Forwarded-For`. Default 0: the header is not believed. */
  readonly trustProxy?: number;
  /** Origins of pages that may connect beside the server's own. Default: none. */
  readonly origins?: readonly string[];
  /** `"chat"`: the chat page with guest tickets. Otherwise a bare server, and what is open on it to anybody. */
  readonly serve: "chat" | OpenDoors;
  /** Bounds that differ from the defaults. */
  readonly limits?: Partial<Limits>;
  /** Default: warnings and errors, a line each, on standard error. */
  readonly logger?: Logger;
}

/** A server that is up. */
export interface RunningServer {
  /** Where a browser finds it, without a slash at the end. */
  readonly url: string;
  readonly port: number;
  /** Paths that are open to anybody. */
  readonly openPaths: readonly string[];
  /**
   * Leaves (clients are told to go, spread over the time for that), ends whatever is left, and closes the store when all
   * that was asked for is written. Takes some 3 s more than that time at most, and 15 s more if a broker does not answer.
   */
  close(): Promise<void>;
}

/** What is served beside health. */
interface Application {
  readonly carillon: {
    readonly isStoreReachable: boolean;
    attach(server: Server): void;
    close(options: { readonly drainMs: number }): Promise<void>;
  };
  /** Resolves to the routes when the store is open; rejects when it can't be. */
  readonly opened: Promise<Router>;
}

/** What an application is made from: where it will be seen, and the settings of its Carillon. */
interface Surroundings {
  readonly port: number;
  readonly store: StoreChoice;
  readonly guestKey: Uint8Array | null;
  readonly logger: Logger;
  readonly common: CommonOptions;
  readonly origins: ReadonlySet<string>;
}

/**
 * Starts the server of the `carillon` command. Resolves when it is ready; rejects with a {@link StartError} that says
 * why it can't be. The port is listened on first, since who sees the page depends on it; until the store is open,
 * everything is answered 503, upgrades too.
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const {
    host = "127.0.0.1",
    port: wantedPort = 0,
    store = { kind: "memory" },
    drainMs = DRAIN_MS,
    guestKey = null,
    trustProxy = 0,
    origins = [],
    serve,
    limits = {},
    logger = consoleLogger(),
  } = options;
  const site = new Site();
  const listener = new HttpListener({ handler: (request) => site.answer(request), logger });
  const port = await listen(listener, host, wantedPort);
  let application: Application | null = null;
  try {
    // Only now is the port known, and with it the origins under which the page is seen.
    const allowed = new Set([...ownOrigins(host, port), ...origins]);
    const backplane = await backplaneOf(store);
    const common = { backplane, trustProxy, origins: [...allowed], limits, logger };
    const surroundings = { port, store, guestKey, logger, common, origins: allowed };
    application = await (serve === "chat" ? chat(surroundings) : bare(common, serve));
    const { carillon, opened } = application;
    carillon.attach(listener.server);
    site.open(await opened, () => carillon.isStoreReachable);
    let closing: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      site.drain();
      await carillon.close({ drainMs });
      site.close();
      await listener.close(CLOSE_GRACE_MS);
    };
    return {
      url: urlOf(host, port),
      port,
      openPaths: serve === "chat" ? [] : openPaths(serve),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await application?.carillon.close({ drainMs: 0 });
    await listener.close(0);
    throw startFailure(error);
  }
}

async function chat(surroundings: Surroundings): Promise<Application> {
  const page = await staticRoutes(PAGE_FOLDER).catch((cause: unknown) => {
    throw new StartError("The chat page is not built: run npm run build first.", { cause });
  });
  const app = createChatApp(surroundings.common);
  const { carillon } = app;
  /** What runs beside Carillon and ends before it. */
  const beside: { close(): void }[] = [app];
  const close = async (closing: { readonly drainMs: number }): Promise<void> => {
    for (const part of beside) part.close();
    await carillon.close(closing);
  };
  return {
    carillon: {
      get isStoreReachable() {
        return carillon.isStoreReachable;
      },
      attach: (server) => carillon.attach(server),
      close,
    },
    opened: openChat(app, page, surroundings, beside),
  };
}

/** Opens the store, then what stands on it. */
async function openChat(
  app: ChatApp,
  page: readonly (readonly [path: string, route: Route])[],
  { port, store, guestKey, logger, common, origins }: Surroundings,
  beside: { close(): void }[],
): Promise<Router> {
  const { carillon, secrets } = app;
  await carillon.ready();
  const guests = await openGuests({ store, guestKey, port, secrets, logger });
  beside.push(guests);
  await app.open();
  const issue = guestTickets({
    identity: guests.identity,
    origins,
    trustProxy: common.trustProxy ?? 0,
    issue: (user, origin) => carillon.tickets.issue({ user, ...(origin === null ? {} : { origin }) }),
  });
  // The page itself reads which room its address names.
  return new Router([...page, ["/ticket", issue]], [["/r/", "/"]]);
}

async function bare(common: CommonOptions, doors: OpenDoors): Promise<Application> {
  const carillon = createOpenApp(common, doors);
  return { carillon, opened: carillon.ready().then(() => new Router([])) };
}

async function listen(listener: HttpListener, host: string, port: number): Promise<number> {
  try {
    return await listener.listen(host, port);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new StartError(
      LISTEN_PROBLEMS.get(code)?.(host, port) ?? `Can't listen on ${host}, port ${port}: ${String(error)}.`,
      {
        cause: error,
      },
    );
  }
}

const LISTEN_PROBLEMS: ReadonlyMap<string, (host: string, port: number) => string> = new Map([
  [
    "EADDRINUSE",
    (host, port) => `Port ${port} of ${host} is in use: choose another with PORT or --port, or stop who has it.`,
  ],
  [
    "EACCES",
    (_host, port) => `Port ${port} needs more rights than this user has: choose one from 1024 with PORT or --port.`,
  ],
  ["EADDRNOTAVAIL", (host) => `This machine has no address ${host}: choose another with HOST or --host.`],
  ["ENOTFOUND", (host) => `The host ${host} is unknown: choose another with HOST or --host.`],
]);

/** The address to open. Nobody can open the one that stands for all addresses. */
function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" || host === "" ? "localhost" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}
