import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import { layNetwork } from "../chaos/lay-network.ts";
import { NamespaceNetwork } from "../chaos/namespace-network.ts";
import type { TcpTarget } from "../support/tcp-proxy.ts";

const PORT = 7_000;
/** What is dropped is not answered in this time, on the same machine. */
const SILENCE_MS = 500;

/** Says a word to each that connects. */
const SERVER = `require("node:net").createServer((socket) => socket.end("word")).listen(${PORT}, "0.0.0.0", () => console.log("ready"))`;

/** How an attempt to hear the word ends. */
function ask({ host, port }: TcpTarget): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const timer = setTimeout(() => {
      socket.destroy();
      resolve("silence");
    }, SILENCE_MS);
    const end = (how: string): void => {
      clearTimeout(timer);
      resolve(how);
    };
    socket.once("data", (bytes) => end(bytes.toString()));
    socket.once("error", (error) => end("code" in error ? String(error.code) : error.message));
  });
}

/** The network, or why there can be none. */
async function create(): Promise<NamespaceNetwork | string> {
  try {
    return await NamespaceNetwork.create(2);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

test("a network in a namespace is cut line by line, in each way, and mended; where there can be none, that is said", async () => {
  const network = await create();
  if (typeof network === "string") {
    const laid = await layNetwork({ lines: 2, port: PORT, log: "", isProxied: false });
    await laid.network[Symbol.asyncDispose]();
    expect(laid.network.description).toBe(`TCP proxies (no network namespace: ${network})`);
    return;
  }
  const { host, command } = network.place(PORT, "");
  const [program, ...args] = [...command, process.execPath, "-e", SERVER];
  const server = spawn(program, args, { stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "exit");
  try {
    await once(server.stdout, "data");
    const [one, two] = [network.target(0, PORT), network.target(1, PORT)];
    expect([await ask(one), await ask(two)]).toEqual(["word", "word"]);
    for (const how of network.cuts) {
      const mend = await network.cut(how, 0);
      const heard = how === "refuse" ? "ECONNREFUSED" : "silence";
      expect([how, await ask(one), await ask(two)]).toEqual([how, heard, "word"]);
      await mend();
      expect(await ask(one)).toBe("word");
    }
    const mend = await network.cut("silence", "all");
    expect([await ask(one), await ask(two), await ask({ host, port: PORT })]).toEqual(["silence", "silence", "word"]);
    await mend();
    expect(await ask(two)).toBe("word");
  } finally {
    await network[Symbol.asyncDispose]();
  }
  // Nothing is left of it: neither what ran in it, nor its name.
  await ended;
  expect(execFileSync("ip", ["netns", "list"], { encoding: "utf8" }).split(/\s/)).not.toContain(command[3]);
});
