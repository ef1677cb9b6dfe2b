import { consoleLogger, ownOrigins, type CommonOptions, type Limits, type Logger } from "@carillon/server";
import type { Server } from "node:http";
import { fileURLToPath } from "node:url";
import { HttpProblem, json, type Answer } from "./answer.ts";
import { createChatApp } from "./chat-app.ts";
import { GuestIdentity } from "./guest-identity.ts";
import { guestTickets } from "./guest-tickets.ts";
import { HttpListener } from "./http-listener.ts";
import { createOpenApp, openPaths, type OpenDoors } from "./open-app.ts";
import { pathOf, Router, type Route } from "./router.ts";
import { StartError } from "./start-error.ts";
import { staticRoutes } from "./static-files.ts";

/** Clients are told to leave spread over this time, in milliseconds; with nobody there it takes none. */
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
  /** Leaves (clients are told to go, spread over a second), then ends whatever is left. Takes some 3 s at most. */
  close(): Promise<void>;
}

/** What is served beside health. */
interface Application {
  readonly carillon: {
    attach(server: Server): void;
    ready(): Promise<void>;
    close(options: { readonly drainMs: number }): Promise<void>;
  };
  readonly routes: readonly (readonly [path: string, route: Route])[];
  /** Addresses that begin so are answered as another path is. */
  readonly pages: readonly (readonly [prefix: string, path: string])[];
}

/** What an application is made from: where it will be seen, and the settings of its Carillon. */
interface Surroundings {
  readonly port: number;
  readonly common: CommonOptions;
  readonly origins: ReadonlySet<string>;
}

/** `/healthz` says it, and answers 503 unless the server is ready. */
type Phase = "starting" | "ready" | "draining";

/**
 * Starts the server of the `carillon` command. Resolves when it is ready; rejects with a {@link StartError} that says
 * why it can't be.
 */
export async function startServer(options: StartOptions): Promise<RunningServer> {
  const {
    host = "127.0.0.1",
    port: wantedPort = 0,
    origins = [],
    serve,
    limits = {},
    logger = consoleLogger(),
  } = options;
  const site = new Site();
  const listener = new HttpListener({ handler: (request) => site.answer(request), logger });
  const port = await listen(listener, host, wantedPort);
  try {
    // Only now is the port known, and with it the origins under which the page is seen.
    const allowed = new Set([...ownOrigins(host, port), ...origins]);
    const surroundings = { port, common: { origins: [...allowed], limits, logger }, origins: allowed };
    const { carillon, routes, pages } = await (serve === "chat" ? chat(surroundings) : bare(surroundings, serve));
    carillon.attach(listener.server);
    await carillon.ready();
    site.open(new Router(routes, pages));
    let closing: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      site.drain();
      await carillon.close({ drainMs: DRAIN_MS });
      await listener.close(CLOSE_GRACE_MS);
    };
    return {
      url: urlOf(host, port),
      port,
      openPaths: serve === "chat" ? [] : openPaths(serve),
      close: () => (closing ??= close()),
    };
  } catch (error) {
    await listener.close(0);
    throw error;
  }
}

/** Health, and behind it the routes while the server is ready. */
class Site {
  #phase: Phase = "starting";
  #router: Router = new Router([]);
  readonly #health: Router = new Router([["/healthz", { GET: () => this.#report() }]]);

  open(router: Router): void {
    this.#router = router;
    this.#phase = "ready";
  }

  drain(): void {
    this.#phase = "draining";
  }

  answer(request: Parameters<Router["answer"]>[0]): Answer | Promise<Answer> {
    if (pathOf(request) === "/healthz") return this.#health.answer(request);
    if (this.#phase === "ready") return this.#router.answer(request);
    const headers = { "Retry-After": "1" };
    throw new HttpProblem(503, this.#phase, `The server is ${this.#phase}; try again.`, { headers });
  }

  #report(): Answer {
    return this.#phase === "ready" ? json(200, { status: "ok" }) : json(503, { status: this.#phase });
  }
}

async function chat({ port, common, origins }: Surroundings): Promise<Application> {
  const page = await staticRoutes(PAGE_FOLDER).catch((cause: unknown) => {
    throw new StartError("The chat page is not built: run npm run build first.", { cause });
  });
  const app = createChatApp(common);
  const { carillon } = app;
  // Browsers share cookies between the ports of a host; two servers there must not undo each other's.
  const identity = new GuestIdentity(`carillon_guest_${port}`);
  const issue = guestTickets({
    identity,
    origins,
    issue: (user, origin) => carillon.tickets.issue({ user, ...(origin === null ? {} : { origin }) }),
  });
  return {
    carillon: {
      attach: (server) => carillon.attach(server),
      ready: async () => {
        await carillon.ready();
        await app.open();
      },
      close: async (closing) => {
        app.close();
        await carillon.close(closing);
      },
    },
    routes: [...page, ["/ticket", issue]],
    // The page itself reads which room its address names.
    pages: [["/r/", "/"]],
  };
}

function bare({ common }: Surroundings, doors: OpenDoors): Promise<Application> {
  return Promise.resolve({ carillon: createOpenApp(common, doors), routes: [], pages: [] });
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
