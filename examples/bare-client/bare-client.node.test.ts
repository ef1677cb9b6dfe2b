import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { Program } from "../../test/support/program.ts";
import { freePort } from "../../test/support/serve.ts";
import { TcpProxy } from "../../test/support/tcp-proxy.ts";

const clientFile = new URL("client.js", import.meta.url);
const serverFile = new URL("../wschat/server.mjs", import.meta.url);

async function startServer(port: number): Promise<Program> {
  const server = new Program({ file: serverFile, env: { PORT: String(port) } });
  await server.until(/The chat is at/);
  return server;
}

/** Somebody else in the chat, who is not cut; resolves when all that was said has come back. */
async function other(port: number) {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/wschat`);
  const heard: string[] = [];
  socket.on("message", (data: Buffer) => heard.push(data.toString()));
  await once(socket, "open");
  const say = async (...texts: readonly string[]): Promise<void> => {
    for (const msg of texts) socket.send(JSON.stringify({ name: "Other", msg }));
    await expect.poll(() => texts.every((text) => heard.some((message) => message.includes(`"${text}"`)))).toBe(true);
  };
  return { say, heard, close: () => socket.terminate() };
}

function numbered(word: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${word} ${index}`);
}

describe("the bare client", () => {
  it("is under 80 lines and imports nothing but ws and Node", async () => {
    const source = await readFile(clientFile, "utf8");
    expect(source.trimEnd().split("\n").length).toBeLessThan(80);
    const imports = [...source.matchAll(/from "([^"]+)"/g)].map(([, name]) => name);
    expect(imports.filter((name) => name?.startsWith("node:") !== true)).toEqual(["ws"]);
  });

  it("enters with a ticket, publishes, is cut, and gets exactly what it missed", async () => {
    const port = await freePort();
    await using _server = await startServer(port);
    const proxy = await TcpProxy.start({ host: "127.0.0.1", port });
    const someone = await other(port);
    await using client = new Program({ file: clientFile, args: [`http://127.0.0.1:${proxy.port}`] });
    const expected: string[] = [];
    const [, instance = ""] = await client.until(/connected as (\S+)/);
    client.write("I am here");
    await client.until(/Bare: I am here\n/);
    expected.push("Bare: I am here");
    await someone.say(...numbered("before", 5));
    expected.push(...numbered("Other: before", 5));
    await client.until(/before 4\n/);

    for (let cut = 0; cut < 3; cut++) {
      client.stderr = "";
      proxy.refuse();
      proxy.reset();
      await client.until(/closed: 1006/);
      await someone.say(...numbered(`missed ${cut}`, 20));
      client.write(`said without a connection ${cut}`);
      proxy.accept();
      const [, again] = await client.until(/connected as (\S+)/);
      // The same instance: it came back with its resume credential, not with another ticket.
      expect(again).toBe(instance);
      await client.until(new RegExp(`said without a connection ${cut}\\n`));
      expected.push(...numbered(`Other: missed ${cut}`, 20), `Bare: said without a connection ${cut}`);
    }
    await someone.say("the end");
    await client.until(/the end\n/);
    expect(client.stdout.trimEnd().split("\n")).toEqual([...expected, "Other: the end"]);
    expect(someone.heard).toHaveLength(expected.length + 1);
    someone.close();
    await proxy.close();
  });

  it("takes a new ticket when its credential is refused, and goes on with what is left", async () => {
    const port = await freePort();
    await using first = await startServer(port);
    await using client = new Program({ file: clientFile, env: { PORT: String(port), NAME: "Ada" } });
    const [, instance] = await client.until(/connected as (\S+)/);
    await first[Symbol.asyncDispose]();
    await client.until(/closed: /);
    client.write("Is anybody there?");
    client.stderr = "";
    await using _second = await startServer(port);
    const [, another] = await client.until(/connected as (\S+)/);
    expect(another).not.toBe(instance);
    await client.until(/Ada: Is anybody there\?\n/);
    expect(client.stdout).toBe("Ada: Is anybody there?\n");
  });
});
