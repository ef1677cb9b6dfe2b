import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { ServerProcess } from "../support/server-process.ts";

const MEBIBYTE = 1_024 * 1_024;

/** `carillon serve --open-echo --open-raw bench:all`: plain WebSockets for protocol test suites and load generators. */
describe("the open doors of carillon serve", () => {
  let server: ServerProcess;
  const sockets: WebSocket[] = [];

  beforeAll(async () => {
    server = await ServerProcess.start({
      args: ["serve", "--open-echo", "--open-raw", "bench:all", "--open-raw", "a:b"],
    });
  });

  afterAll(async () => {
    for (const socket of sockets) socket.terminate();
    await server.kill();
  });

  async function open(path: string, origin = "http://anywhere.test"): Promise<WebSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`, { origin, maxPayload: 32 * MEBIBYTE });
    sockets.push(socket);
    await once(socket, "open");
    return socket;
  }

  interface Message {
    readonly data: Buffer;
    readonly isBinary: boolean;
  }

  /** The next messages, in their order. */
  function next(socket: WebSocket, count: number): Promise<Message[]> {
    const messages: Message[] = [];
    return new Promise((resolve, reject) => {
      socket.once("close", (code) => reject(new Error(`Closed with ${code}.`)));
      socket.on("message", function take(data: Buffer, isBinary) {
        messages.push({ data, isBinary });
        if (messages.length < count) return;
        socket.off("message", take);
        resolve(messages);
      });
    });
  }

  test("are told where the server is started", () => {
    expect(server.output).toBe(
      `Carillon is ready at ${server.url}, open to anybody: /raw/echo, /raw/bench:all, /raw/a:b\n`,
    );
  });

  test("echo text and bytes, each as it came, empty and large ones too", async () => {
    const socket = await open("/raw/echo");
    const sent = ["", "Glöckchen 🔔", "x".repeat(100_000), Buffer.alloc(0), Buffer.from([0, 255, 128])];
    const echoed = next(socket, sent.length);
    for (const data of sent) socket.send(data);
    expect((await echoed).map(({ data, isBinary }) => (isBinary ? data : data.toString()))).toEqual(sent);
  });

  test.each([
    ["bytes", randomBytes(16 * MEBIBYTE)],
    ["text", "ä".repeat(8 * MEBIBYTE)],
  ])("echo a message of 16 MiB of %s", async (kind, data) => {
    const socket = await open("/raw/echo");
    const echoed = next(socket, 1);
    socket.send(data);
    const [message] = await echoed;
    expect(message?.isBinary).toBe(kind === "bytes");
    expect(message?.data.equals(Buffer.from(data))).toBe(true);
  });

  test("echo thousands of messages to a peer that sends them all before it reads", async () => {
    const socket = await open("/raw/echo");
    socket.pause();
    const sent = Array.from({ length: 5_000 }, (_, index) => `${index} ${"x".repeat(1_000)}`);
    const echoed = next(socket, sent.length);
    for (const text of sent) socket.send(text);
    socket.resume();
    expect((await echoed).map(({ data }) => data.toString())).toEqual(sent);
  });

  test("refuse a larger message with 1009, and answer a close with its own code", async () => {
    const large = await open("/raw/echo");
    const refused = once(large, "close");
    large.send(Buffer.alloc(16 * MEBIBYTE + 1));
    expect((await refused)[0]).toBe(1009);
    const polite = await open("/raw/echo");
    const closed = once(polite, "close");
    polite.close(3456, "Enough.");
    const [code, reason] = await closed;
    expect([code, String(reason)]).toEqual([3456, "Enough."]);
  });

  test("are a channel in which everybody hears everything in one order, the sender too, as it came", async () => {
    const [first, second] = [await open("/raw/bench:all"), await open("/raw/bench:all")];
    const heard = Promise.all([next(first, 200), next(second, 200)]);
    for (let index = 0; index < 100; index += 1) {
      first.send(`first ${index}`);
      second.send(Buffer.from(`second ${index}`));
    }
    const [byFirst, bySecond] = (await heard).map((messages) =>
      messages.map(({ data, isBinary }) => `${isBinary ? "bytes" : "text"} ${data.toString()}`),
    );
    expect(byFirst).toEqual(bySecond);
    expect(byFirst?.filter((message) => message.startsWith("text first"))).toHaveLength(100);
    expect(byFirst?.filter((message) => message.startsWith("bytes second"))).toHaveLength(100);
  });

  test("are channels of their own", async () => {
    const [bench, other] = [await open("/raw/bench:all"), await open("/raw/a:b")];
    const heard = next(other, 1);
    bench.send("for the bench");
    other.send("for a:b");
    expect(String((await heard)[0]?.data)).toBe("for a:b");
  });

  test.each(["/raw/bench", "/raw/bench:all/", "/raw/Echo", "/raw/", "/raw/chat:lobby", "/"])(
    "do not stand open on %s",
    async (path) => {
      const socket = new WebSocket(`ws://127.0.0.1:${server.port}${path}`);
      const [, response] = await once(socket, "unexpected-response");
      expect(response.statusCode).toBe(404);
    },
  );

  test("let nobody into carillon.1 without a ticket", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/realtime`, "carillon.1.json");
    sockets.push(socket);
    await once(socket, "open");
    const closed = once(socket, "close");
    socket.send('{"cmd":"connect","id":1,"ticket":"t_guessed"}');
    expect((await closed)[0]).toBe(4100);
    expect((await fetch(`${server.url}/ticket`, { method: "POST" })).status).toBe(404);
  });

  test("let no foreign page into carillon.1", async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/realtime`, "carillon.1.json", {
      origin: "http://anywhere.test",
    });
    const [, response] = await once(socket, "unexpected-response");
    expect(response.statusCode).toBe(403);
  });
});
