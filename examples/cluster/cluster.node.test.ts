import { connect } from "@carillon/client";
import type { ChatContract } from "carillon/chat-contract";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { needsPrograms } from "../../test/support/needs.ts";
import { Program } from "../../test/support/program.ts";

const startFile = new URL("start.mjs", import.meta.url);
const restartFile = new URL("rolling-restart.mjs", import.meta.url);
/** While nodes are restarted, somebody says something this often, in milliseconds. */
const SAY_MS = 20;

describe.each(["redis", "nats"])("the cluster example over %s", (broker) => {
  needsPrograms("haproxy", broker === "redis" ? "redis-server" : "nats-server");
  let env: Record<string, string>;

  beforeEach(() => {
    env = { CLUSTER_DATA: mkdtempSync(join(tmpdir(), "carillon-example-")), PORT: "0", BROKER: broker };
  });

  afterEach(() => rmSync(env["CLUSTER_DATA"] ?? "", { recursive: true, force: true }));

  it("starts by one command, loses nothing when a node is killed and all are restarted, and ends with Ctrl-C", async () => {
    await using cluster = new Program({ file: startFile, env });
    const [, url = ""] = await cluster.until(/The chat on three nodes is at (http:\/\/localhost:\d+)\n/);
    const [, ...pids] = await cluster.until(/node 1: (\d+), node 2: (\d+), node 3: (\d+), haproxy: (\d+)/);
    const page = await fetch(url);
    expect([page.status, await page.text()]).toEqual([200, expect.stringMatching(/^<!doctype html>/i)]);

    const [ada, bob] = [guest(url, "Ada"), guest(url, "Bob")];
    const heard: string[] = [];
    const lobby = bob.channel("chat:lobby");
    lobby.on("publication", ({ data }) => void (data !== null && heard.push(data.text)));
    lobby.on("gap", ({ reason }) => void heard.push(`gap: ${reason}`));
    await lobby.subscribe();
    const talk = new Talk((text) => ada.channel("chat:lobby").publish({ name: "Ada", text }));
    process.kill(Number(pids[0]), "SIGKILL");
    await cluster.until(/node 1 is back, process \d+/);
    await using restart = new Program({ file: restartFile, env });
    expect(await restart.ended).toBe(0);
    expect(restart.stdout.match(/node \d: left within/g)).toHaveLength(3);
    await talk.end();
    await expect.poll(() => heard.length).toBeGreaterThanOrEqual(talk.said.length);
    expect(heard).toEqual(talk.said);
    console.log(`${broker}: ${heard.length} messages during a kill and a rolling restart, each heard once, in order.`);

    ada.disconnect();
    bob.disconnect();
    const last = await cluster.until(/node 3: left .* process (\d+)/);
    cluster.interrupt();
    expect(await cluster.ended).toBe(0);
    for (const pid of [...pids.slice(3), last[1]]) expect(() => process.kill(Number(pid), 0)).toThrow("ESRCH");
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });
});

describe("the cluster example", () => {
  needsPrograms("haproxy", "redis-server");

  it("leaves nothing running when it is killed, and has its folder to itself while it runs", async () => {
    const env = { CLUSTER_DATA: mkdtempSync(join(tmpdir(), "carillon-example-")), PORT: "0", BROKER: "redis" };
    await using cluster = new Program({ file: startFile, env });
    const [processes] = await cluster.until(/Processes: .*\n/);
    const pids = [...processes.matchAll(/: (\d+)/g)].map(([, pid]) => Number(pid));
    expect(pids.filter(isRunning)).toHaveLength(5);
    await using second = new Program({ file: startFile, env });
    expect([await second.ended, second.stderr]).toEqual([1, expect.stringMatching(/^A cluster is running in the fol/)]);
    cluster.kill();
    await cluster.ended;
    await expect.poll(() => pids.filter(isRunning)).toEqual([]);
    // What it left behind is in nobody's way.
    await using third = new Program({ file: startFile, env });
    await third.until(/The chat on three nodes is at/);
    third.interrupt();
    expect(await third.ended).toBe(0);
    rmSync(env.CLUSTER_DATA, { recursive: true, force: true });
  });

  it("says in a sentence what is wrong: a port that is taken, no cluster to restart", async () => {
    const env = { CLUSTER_DATA: mkdtempSync(join(tmpdir(), "carillon-example-")), PORT: "1" };
    await using taken = new Program({ file: startFile, env: { ...env, PORT: "65535" } });
    expect([await taken.ended, taken.stderr]).toEqual([1, expect.stringMatching(/^[^\n]*PORT[^\n]*\n$/)]);
    await using restart = new Program({ file: restartFile, env });
    expect([await restart.ended, restart.stderr]).toEqual([1, expect.stringMatching(/^No cluster is running here: /)]);
    rmSync(env.CLUSTER_DATA, { recursive: true, force: true });
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Says something again and again, without waiting for it to be stored. */
class Talk {
  readonly said: string[] = [];
  readonly #stored: Promise<unknown>[] = [];
  readonly #timer: NodeJS.Timeout;

  constructor(publish: (text: string) => Promise<unknown>) {
    this.#timer = setInterval(() => {
      const text = `message ${this.said.length}`;
      this.said.push(text);
      this.#stored.push(publish(text));
    }, SAY_MS);
  }

  async end(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#stored);
  }
}

function guest(url: string, name: string) {
  const ticket = async (): Promise<string> => {
    const init = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ name }) };
    return (await fetch(`${url}/ticket`, init)).text();
  };
  return connect<ChatContract>({ url: `${url}/realtime`, WebSocket, ticket });
}
