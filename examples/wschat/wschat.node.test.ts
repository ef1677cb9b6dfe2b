import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Program } from "../../test/support/program.ts";

let server: Program;
let port: number;

beforeAll(async () => {
  server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT: "0" } });
  port = Number((await server.until(/The chat is at http:\/\/localhost:(\d+)/))[1]);
});
afterAll(() => server[Symbol.asyncDispose]());

async function enter(headers: Readonly<Record<string, string>> = {}) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/wschat`, { headers });
  const heard: unknown[] = [];
  socket.on("message", (data: Buffer) => heard.push(JSON.parse(data.toString())));
  await once(socket, "open");
  return { socket, heard };
}

describe("the plain door of the wschat example", () => {
  it("brings what anybody says to everybody, the sender included", async () => {
    const ada = await enter();
    const bob = await enter();
    ada.socket.send(JSON.stringify({ name: "Ada", msg: "Hello" }));
    bob.socket.send(JSON.stringify({ name: "Bob", msg: "Hi, Ada" }));
    await expect.poll(() => [ada.heard.length, bob.heard.length]).toEqual([2, 2]);
    expect(ada.heard).toEqual(
      expect.arrayContaining([
        { name: "Ada", msg: "Hello" },
        { name: "Bob", msg: "Hi, Ada" },
      ]),
    );
    expect(bob.heard).toEqual(ada.heard);
    ada.socket.close();
    bob.socket.close();
  });

  it.each([
    ["no JSON", "Hello", 1007],
    ["another shape", '{"text":"Hello"}', 1007],
    ["no name", '{"name":"","msg":"Hello"}', 1007],
    ["bytes", Buffer.from("Hello"), 1003],
  ])("closes on %s, with the reason, and nobody hears it", async (_what, message, expected) => {
    const ada = await enter();
    const bob = await enter();
    bob.socket.send(message);
    const [code, reason]: unknown[] = await once(bob.socket, "close");
    expect(code).toBe(expected);
    expect(String(reason)).not.toBe("");
    ada.socket.send(JSON.stringify({ name: "Ada", msg: "Alone?" }));
    await expect.poll(() => ada.heard).toEqual([{ name: "Ada", msg: "Alone?" }]);
    ada.socket.close();
  });

  it("is shut to the pages of other origins", async () => {
    await expect(enter({ Origin: "https://elsewhere.example" })).rejects.toThrow("403");
    const own = await enter({ Origin: `http://localhost:${port}` });
    own.socket.close();
  });
});

describe("the HTTP side of the wschat example", () => {
  it("gives a ticket to whoever posts, a new one each time", async () => {
    const ask = (): Promise<string> =>
      fetch(`http://127.0.0.1:${port}/ticket`, { method: "POST" }).then((response) => response.text());
    const tickets = [await ask(), await ask()];
    expect(tickets).toEqual([expect.stringMatching(/^t_/), expect.stringMatching(/^t_/)]);
    expect(tickets[0]).not.toBe(tickets[1]);
  });

  it.each(["/ticket", "/nothing", "/server.mjs", "//", "/%"])("has nothing at %s", async (path) => {
    const request = get({ host: "127.0.0.1", port, path });
    const [response]: IncomingMessage[] = await once(request, "response");
    response?.resume();
    expect(response?.statusCode).toBe(404);
  });
});
