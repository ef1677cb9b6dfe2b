import { SUBPROTOCOL } from "@carillon/protocol";
import type { Cancel, ClientPorts, EnvironmentEvent, Socket, SocketEvents } from "./core/ports.ts";

/** What the SDK uses of a WebSocket. Browsers, Node >= 22 and `ws` offer it. */
export interface WebSocketLike {
  binaryType: string;
  addEventListener(type: "open" | "error", listener: () => void): void;
  addEventListener(type: "message", listener: (event: { data: string | ArrayBuffer }) => void): void;
  addEventListener(type: "close", listener: (event: { code: number; reason: string }) => void): void;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

/** Makes a WebSocket. The third argument is for `ws`; browsers ignore it. */
export type WebSocketConstructor = new (
  url: string,
  protocol: string,
  options?: { readonly headers: Readonly<Record<string, string>> },
) => WebSocketLike;

/** What a client needs of its runtime. */
export interface RuntimeOptions {
  /** Where the server is: `ws(s)://`, `http(s)://`, or relative to the page (`/realtime`). Never holds a credential. */
  readonly url: string | URL;
  /**
   * Gets a single-use ticket from the application. Called for the first entry, when the server wants a new one, and
   * before the session's lifetime ends. Throw a `CarillonError` with `retry: false` to stop the client.
   */
  readonly ticket: () => string | Promise<string>;
  /** Default: the runtime's own. Node 20 has none: pass that of `ws`. */
  readonly WebSocket?: WebSocketConstructor;
  /** Headers of the upgrade, such as `origin`, for servers that talk to servers. Only `ws` sends them. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Longest delay that timers of browsers and Node keep to; beyond it they fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/**
 * The ports of a browser or of Node, except those that are given. Throws when the URL is malformed or the runtime has
 * no WebSocket, unless `open` is given.
 */
export function runtimePorts(options: RuntimeOptions, given: Partial<ClientPorts> = {}): ClientPorts {
  const { ticket } = options;
  return {
    now: () => performance.now(),
    setTimer: (delayMs, fire) => {
      const timer = setTimeout(fire, Math.min(delayMs, TIMER_MAX_MS));
      return () => clearTimeout(timer);
    },
    soon: (run) => queueMicrotask(run),
    random: Math.random,
    open: given.open ?? opener(options),
    watch,
    ticket: (settle) => {
      new Promise<string>((resolve) => resolve(ticket())).then(
        (text) => settle(text),
        (error: unknown) => settle(null, error),
      );
    },
    // Through a function of its own: browsers refuse a reportError that is called as a method of something else.
    // oxlint-disable-next-line no-console -- Node has no reportError, and an error that nobody sees is worse.
    report: (error) => (globalThis.reportError ?? console.error)(error),
    ...given,
  };
}

function opener(options: RuntimeOptions): ClientPorts["open"] {
  const { WebSocket = globalThis.WebSocket, headers } = options;
  const url = new URL(options.url, globalThis.location?.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.hash = "";
  if (!WebSocket) throw new Error("Expected a WebSocket, this runtime has none: pass that of ws.");
  return (events) => adapt(new WebSocket(url.href, SUBPROTOCOL, headers && { headers }), events);
}

function adapt(socket: WebSocketLike, events: SocketEvents): Socket {
  let isOver = false;
  socket.binaryType = "arraybuffer";
  socket.addEventListener("open", () => {
    if (!isOver) events.open();
  });
  socket.addEventListener("message", ({ data }) => {
    if (!isOver) events.message(typeof data === "string" ? data : new Uint8Array(data));
  });
  socket.addEventListener("close", ({ code, reason }) => {
    if (isOver) return;
    isOver = true;
    events.close(code, reason);
  });
  // `close` follows and says all; without a listener, `ws` would throw.
  socket.addEventListener("error", () => {});
  return {
    send: (data) => socket.send(data),
    close: (code, reason) => {
      // A browser throws for the code of a broken connection (1006), though there is nothing left to close.
      if (isOver) return;
      isOver = true;
      socket.close(code, reason);
    },
  };
}

/** Where there is no page (Node, workers without a document), what is missing never happens. */
function watch(notify: (event: EnvironmentEvent) => void): Cancel {
  const controller = new AbortController();
  const { signal } = controller;
  const page: EventTarget | undefined = "addEventListener" in globalThis ? globalThis : undefined;
  const tab: Document | undefined = globalThis.document;
  const listen = (target: EventTarget | undefined, events: readonly EnvironmentEvent[]): void => {
    for (const event of events) target?.addEventListener(event, () => notify(event), { signal });
  };
  listen(page, ["online", "offline", "pageshow"]);
  listen(tab, ["freeze", "resume"]);
  page?.addEventListener(
    "pagehide",
    (event) => notify("persisted" in event && event.persisted ? "pagehide" : "unload"),
    { signal },
  );
  tab?.addEventListener(
    "visibilitychange",
    () => {
      if (!tab.hidden) notify("visible");
    },
    { signal },
  );
  return () => controller.abort();
}
