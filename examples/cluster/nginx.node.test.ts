import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { spawn, type ChildProcess } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { endProcess } from "../../test/support/end-process.ts";
import { ChatSpeaker } from "../../test/support/chat-speaker.ts";
import { endedWithThisProcess } from "../../test/support/ended-with-this-process.ts";
import { needsPrograms } from "../../test/support/needs.ts";
import { freePort } from "../../test/support/free-port.ts";
import { RedisServer } from "../../test/support/redis-server.ts";
import { ServerProcess } from "../../test/support/server-process.ts";
import { until } from "../../test/support/until.ts";

/** The ports that are written in nginx.conf: the proxy's, and the nodes'. */
const PORTS = [8080, 8081, 8082, 8083] as const;

describe("nginx.conf of the cluster example", () => {
  needsPrograms("nginx", "redis-server");

  it("is taken by nginx, finds a node for whoever comes while others are away, and loses nothing", async () => {
    await using redis = await RedisServer.start();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const start = (nodePort: number) => startNode(redis, nodePort, url);
    const nodes = await Promise.all([start(0), start(0), start(0)]);
    await using nginx = await Nginx.start([port, ...nodes.map((node) => node.port)], url);
    const [ada, bob] = [new ChatSpeaker(url, "Ada"), new ChatSpeaker(url, "Bob")];
    try {
      const heard: unknown[] = [];
      const lobby = bob.client.channel("chat:lobby");
      lobby.on("publication", ({ data }) => void heard.push(data?.text));
      lobby.on("gap", ({ reason }) => void heard.push(`gap: ${reason}`));
      await lobby.subscribe();
      const said: string[] = [];
      const say = async (text: string): Promise<void> => {
        said.push(text);
        await ada.say("lobby", text);
      };
      await say("at first");
      for (const [index, node] of nodes.entries()) {
        await node.kill();
        await say(`without node ${index + 1}`);
        // Somebody new, while nginx still believes in the node: a ticket, and a connection.
        const guest = new ChatSpeaker(url, "Lin");
        said.push(`from somebody new ${index}`);
        await guest.say("lobby", `from somebody new ${index}`);
        guest.close();
        nodes[index] = await start(node.port);
      }
      await expect.poll(() => heard.length).toBeGreaterThanOrEqual(said.length);
      expect(heard).toEqual(said);
      expect(nginx.isRunning).toBe(true);
      expect((await fetch(url)).headers.get("content-type")).toMatch(/^text\/html/);
    } finally {
      ada.close();
      bob.close();
      await Promise.all(nodes.map((node) => node.kill()));
    }
  });
});

function startNode(redis: RedisServer, port: number, origin: string): Promise<ServerProcess> {
  return ServerProcess.start({
    env: {
      PORT: String(port),
      CARILLON_DATA: "",
      CARILLON_REDIS: redis.url,
      CARILLON_ORIGINS: origin,
      CARILLON_TRUST_PROXY: "1",
    },
  });
}

/** nginx, as the head of nginx.conf says to start it, with other ports. */
class Nginx implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#child = endedWithThisProcess(
      spawn("nginx", ["-p", ".", "-c", "nginx.conf", "-e", "stderr"], { cwd: folder, stdio: "ignore" }),
    );
  }

  static async start(ports: readonly number[], url: string): Promise<Nginx> {
    const folder = mkdtempSync(join(tmpdir(), "carillon-nginx-"));
    mkdirSync(join(folder, "data"));
    const config = readFileSync(new URL("nginx.conf", import.meta.url), "utf8");
    const moved = PORTS.reduce((text, port, index) => text.replace(`:${port}`, `:${ports[index]}`), config);
    writeFileSync(join(folder, "nginx.conf"), moved);
    const nginx = new Nginx(folder);
    await until(async () => {
      if (!nginx.isRunning) throw new Error("nginx ended at its start.");
      return (await fetch(url).catch(() => null))?.status === 200;
    }, "nginx serves");
    return nginx;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endProcess(this.#child, "SIGTERM");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
