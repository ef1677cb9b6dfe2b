/** The ports of Node, on real sockets. Those of browsers run in the browser tests. */
import { SUBPROTOCOL } from "@carillon/protocol";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test, vi } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { connect, type ConnectOptions, type EnvironmentEvent } from "../src/index.ts";
import { runtimePorts } from "../src/runtime.ts";
import { welcome } from "./scripted-server.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function listen(): Promise<{ server: WebSocketServer; url: string }> {
  const server = new WebSocketServer({ port: 0, handleProtocols: () => SUBPROTOCOL });
  closers.push(() => server.close());
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/realtime?x=1#fragment` };
}

/** The next socket that the server gets, and its upgrade request. */
async function accept(server: WebSocketServer): Promise<{ socket: WebSocket; request: IncomingMessage }> {
  return new Promise((resolve) => {
    server.once("connection", (socket, request) => resolve({ socket, request }));
  });
}

function open(options: Partial<ConnectOptions>): ReturnType<typeof connect> {
  const client = connect({ url: "ws://127.0.0.1:1", ticket: () => "secret", WebSocket, ...options });
  closers.push(() => client.disconnect());
  return client;
}

test("speaks over a WebSocket that is given, with headers, and never a credential in the URL", async () => {
  const { server, url } = await listen();
  const client = open({ url, headers: { origin: "https://app.test" }, ticket: async () => "secret" });
  const { socket, request } = await accept(server);
  expect(request.url).toBe("/realtime?x=1");
  expect(request.headers.origin).toBe("https://app.test");
  expect(request.headers["sec-websocket-protocol"]).toBe(SUBPROTOCOL);
  const [first] = await once(socket, "message");
  expect(JSON.parse(String(first))).toMatchObject({ cmd: "connect", ticket: "secret", id: 1 });
  const connected = new Promise((resolve) => client.on("state", resolve));
  socket.send(JSON.stringify({ re: 1, ok: welcome() }));
  expect(await connected).toMatchObject({ state: "connected" });
  const lobby = client.channel("audio:live");
  void lobby.publish(new Uint8Array([1, 2, 3])).catch(() => {});
  const frames: Buffer[] = [];
  await new Promise<void>((resolve) => {
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      frames.push(data);
      if (isBinary) resolve();
    });
  });
  expect([...(frames.at(-1) ?? [])].slice(-3)).toEqual([1, 2, 3]);
  client.disconnect();
  const [code] = await once(socket, "close");
  expect(code).toBe(1000);
});

test("hears binary frames and closes", async () => {
  const { server, url } = await listen();
  const client = open({ url });
  const { socket } = await accept(server);
  socket.send(new Uint8Array([0, 0, 0, 9]));
  const error = await new Promise((resolve) => client.on("error", resolve));
  expect(error).toMatchObject({ code: "bad_message" });
  const { socket: again } = await accept(server);
  again.close(4500, "revoked");
  const change = await new Promise((resolve) => client.on("state", resolve));
  expect(change).toMatchObject({ state: "disconnected", code: 4500, reason: "revoked" });
});

test("a server that is not there is tried again", async () => {
  let attempts = 0;
  class Counting extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args);
      attempts++;
    }
  }
  const { server, url } = await listen();
  server.close();
  await once(server, "close");
  const client = open({ url, WebSocket: Counting });
  await vi.waitFor(() => expect(attempts).toBeGreaterThan(1), { timeout: 5000 });
  expect(client.state).toBe("connecting");
});

test("a broken connection is tried again, though a browser's WebSocket throws for the code 1006", async () => {
  const { server, url } = await listen();
  // As the WebSocket standard has it: close() looks at the code before it looks at the state.
  class Strict extends WebSocket {
    override close(code = 1000, reason?: string): void {
      if (code !== 1000 && (code < 3000 || code > 4999)) throw new Error(`InvalidAccessError: ${code}`);
      super.close(code, reason);
    }
  }
  const errors: unknown[] = [];
  const client = open({ url, WebSocket: Strict, ports: { report: (error) => void errors.push(error) } });
  const { socket } = await accept(server);
  socket.terminate();
  const { socket: again } = await accept(server);
  const connected = new Promise((resolve) => client.on("state", resolve));
  await once(again, "message");
  again.send(JSON.stringify({ re: 1, ok: welcome() }));
  expect(await connected).toMatchObject({ state: "connected" });
  expect(errors).toEqual([]);
});

test.each([
  ["a relative URL", { url: "/realtime" }, /url/i],
  ["a runtime without a WebSocket", { url: "ws://x.test" }, /pass that of ws/],
])("%s outside of a page is refused at once", (_, options, message) => {
  vi.stubGlobal("WebSocket", undefined);
  expect(() => connect({ ticket: () => "t", ...options })).toThrow(message);
});

test("a relative URL means the server of the page", () => {
  vi.stubGlobal("location", { href: "https://app.test/chat/room?x#y" });
  const urls: string[] = [];
  class Spy extends EventTarget {
    binaryType = "";
    constructor(url: string) {
      super();
      urls.push(url);
    }
    send(): void {}
    close(): void {}
  }
  const ports = runtimePorts({ url: "/realtime", ticket: () => "t", WebSocket: Spy as unknown as typeof WebSocket });
  ports.open({ open: () => {}, message: () => {}, close: () => {} });
  expect(urls).toEqual(["wss://app.test/realtime"]);
});

test("the page's events become those of the environment, and all are removed", () => {
  const page = new EventTarget();
  const tab = Object.assign(new EventTarget(), { hidden: false });
  vi.stubGlobal("addEventListener", page.addEventListener.bind(page));
  vi.stubGlobal("document", tab);
  const seen: EnvironmentEvent[] = [];
  const ports = runtimePorts({ url: "ws://x.test", ticket: () => "t", WebSocket });
  const stop = ports.watch((event) => seen.push(event));
  const all = (): void => {
    for (const type of ["online", "offline", "pageshow"]) page.dispatchEvent(new Event(type));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    page.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    for (const type of ["freeze", "resume", "visibilitychange"]) tab.dispatchEvent(new Event(type));
    tab.hidden = true;
    tab.dispatchEvent(new Event("visibilitychange"));
  };
  all();
  expect(seen).toEqual(["online", "offline", "pageshow", "pagehide", "unload", "freeze", "resume", "visible"]);
  stop();
  all();
  expect(seen).toHaveLength(8);
});

test("a ticket supplier may throw, reject, and answer at once", async () => {
  const ask = (ticket: () => string | Promise<string>): Promise<unknown> =>
    new Promise((resolve) => {
      runtimePorts({ url: "ws://x.test", ticket, WebSocket }).ticket((value, error) => resolve(value ?? error));
    });
  const failure = new Error("No session.");
  expect(await ask(() => "t")).toBe("t");
  expect(await ask(() => Promise.reject(failure))).toBe(failure);
  expect(
    await ask(() => {
      throw failure;
    }),
  ).toBe(failure);
});

test("a delay that timers of the runtime can't keep to does not fire at once", async () => {
  const ports = runtimePorts({ url: "ws://x.test", ticket: () => "t", WebSocket });
  let fired = false;
  const cancel = ports.setTimer(1e12, () => {
    fired = true;
  });
  await new Promise<void>((resolve) => ports.setTimer(20, resolve));
  expect(fired).toBe(false);
  cancel();
});
