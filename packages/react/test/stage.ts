/**
 * A stage for components under test: a real server on a free port, real clients over real sockets that can be cut, and
 * React in a document. Nothing is mocked; what comes is waited for.
 */
import { connect, type Client, type WebSocketConstructor } from "@carillon/client";
import { call, defineContract, log, state } from "@carillon/protocol";
import { createHooks, type ListItem } from "@carillon/react";
import { createCarillon, SILENT_LOGGER, type Carillon } from "@carillon/server";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createElement as h, StrictMode, type ReactNode } from "react";
import { createRoot } from "react-dom/client";
import * as v from "valibot";
import { vi } from "vitest";
import { WebSocket } from "ws";

const message = v.object({ text: v.string() });

export const contract = defineContract({
  channels: {
    "chat:{room}": log({ data: message, presence: v.object({ name: v.string() }) }),
    "small:{room}": log({ data: message, history: { size: 5 } }),
    typing: state({ value: v.object({ name: v.string() }) }),
  },
  calls: { "room.create": call({ input: v.object({ title: v.string() }), output: v.object({ room: v.string() }) }) },
});

const user = v.object({ id: v.string() });

/** Short, so that tests that wait for the end of it are quick; long enough for two mounts in a row. */
export const LINGER_MS = 150;

export const {
  CarillonProvider,
  useCall,
  useChannel,
  useClient,
  useConnection,
  useHistory,
  usePresence,
  useStateChannel,
} = createHooks<typeof contract>({ lingerMs: LINGER_MS });

/** A hook in a component on the stage. */
export interface Seen<T> {
  /** What the hook returned last. */
  readonly current: T;
  /** Everything that it returned, one for each render. */
  readonly all: readonly T[];
  unmount(): void;
}

/** The network of one client. */
export class Network {
  readonly #sockets = new Set<WebSocket>();
  #isCut = false;
  /** Opens sockets of this network: the constructor to inject. */
  readonly WebSocket: WebSocketConstructor;

  constructor() {
    const open = (url: string, protocol: string): WebSocket => {
      // Port 9 of the loopback address: nobody is there.
      const socket = new WebSocket(this.#isCut ? "ws://127.0.0.1:9/" : url, protocol);
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
      return socket;
    };
    // What a constructor returns is what `new` gives.
    this.WebSocket = function Socket(url: string, protocol: string) {
      return open(url, protocol);
    } as unknown as WebSocketConstructor;
  }

  /** Breaks what stands; nothing comes through until {@link mend}. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.terminate();
  }

  /** Comes back, and says so, as browsers do. */
  mend(): void {
    this.#isCut = false;
    globalThis.dispatchEvent(new Event("online"));
  }
}

export class Stage {
  readonly carillon: Carillon<typeof contract, typeof user>;
  /** Its event `open` ends the call that creates the room "Slow". */
  readonly gate: EventTarget = new EventTarget();
  /** Users who may not publish. */
  readonly mute = new Set<string>();
  /** Rooms that nobody may enter. */
  readonly closed = new Set<string>();
  readonly #http = createServer();
  readonly #ends: (() => void)[] = [];

  private constructor() {
    const rule = ({ user: { id }, params }: { user: { id: string }; params: { room: string } }) => ({
      subscribe: !this.closed.has(params.room),
      publish: !this.mute.has(id),
      amend: "own" as const,
    });
    this.carillon = createCarillon({
      contract,
      user,
      authorize: { "chat:{room}": rule, "small:{room}": rule, typing: () => true },
      calls: {
        "room.create": async ({ input: { title } }) => {
          if (!title) throw new Error("Expected a title.");
          if (title === "Slow") await once(this.gate, "open");
          return { room: title.toLowerCase() };
        },
      },
      origins: [globalThis.location?.origin ?? ""].filter(Boolean),
      logger: SILENT_LOGGER,
    });
    this.carillon.attach(this.#http);
  }

  static async open(): Promise<Stage> {
    const stage = new Stage();
    stage.#http.listen(0, "127.0.0.1");
    await once(stage.#http, "listening");
    await stage.carillon.ready();
    return stage;
  }

  /** A client of the user `id`. */
  client(id: string, network: Network = new Network()): Client<typeof contract> {
    const { port } = this.#http.address() as AddressInfo;
    const client = connect<typeof contract>({
      url: `ws://127.0.0.1:${port}/realtime`,
      ticket: () => this.carillon.tickets.issue({ user: { id } }),
      WebSocket: network.WebSocket,
    });
    this.#ends.push(() => client.disconnect());
    return client;
  }

  /** Mounts what `body` renders, below a provider of `client`. */
  mount(
    client: Client<typeof contract> | null,
    body: ReactNode,
    isStrict = false,
  ): { container: HTMLElement; unmount(): void } {
    const container = document.createElement("div");
    document.body.append(container);
    const root = createRoot(container);
    const tree = h(CarillonProvider, { client }, body);
    root.render(isStrict ? h(StrictMode, null, tree) : tree);
    const unmount = (): void => {
      root.unmount();
      container.remove();
    };
    this.#ends.unshift(unmount);
    return { container, unmount };
  }

  /** Mounts a component that uses a hook, and shows what it returned. */
  async see<T>(client: Client<typeof contract> | null, useIt: () => T, isStrict = false): Promise<Seen<T>> {
    const all: T[] = [];
    let mounted: () => void = () => {};
    const isMounted = new Promise<void>((resolve) => (mounted = resolve));
    const Probe = (): null => {
      all.push(useIt());
      mounted();
      return null;
    };
    const { unmount } = this.mount(client, h(Probe), isStrict);
    await isMounted;
    return {
      all,
      unmount,
      get current() {
        return all.at(-1) as T;
      },
    };
  }

  async close(): Promise<void> {
    for (const end of this.#ends) end();
    await this.carillon.close();
    this.#http.close();
  }
}

/** Waits until an assertion holds; a render comes some time after what it is about. */
export const until = (assert: () => void): Promise<void> => vi.waitFor(assert, { timeout: 8_000, interval: 10 });

/** The rows as short texts: `hello`, `hello?` on its way, `hello!` failed, `-` erased, `[trimmed]` a gap. */
export function texts(rows: readonly ListItem<{ readonly text: string }>[]): string[] {
  return rows.map((row) => {
    if (row.type === "gap") return `[${row.reason}]`;
    if (row.type === "tombstone") return "-";
    return `${row.data.text}${{ sending: "?", sent: "", failed: "!" }[row.status]}`;
  });
}
