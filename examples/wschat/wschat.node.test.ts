import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Program } from "../../test/support/program.ts";
import { freePort } from "../../test/support/serve.ts";

let server: Program;
let port: number;

beforeAll(async () => {
  port = await freePort();
  server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT: String(port) } });
  await server.until(/The chat is at/);
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

describe("the tickets of the wschat example", () => {
  it("are for somebody with a name", async () => {
    const ask = (body: string): Promise<Response> => fetch(`http://127.0.0.1:${port}/ticket`, { method: "POST", body });
    expect(await (await ask('{"name":"Ada"}')).text()).toMatch(/^t_/);
    expect((await ask('{"name":""}')).status).toBe(400);
    expect((await ask("Ada")).status).toBe(400);
  });
});
