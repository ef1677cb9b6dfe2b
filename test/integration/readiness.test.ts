import { describe, expect, test } from "vitest";
import { ChatSpeaker } from "../support/chat-speaker.ts";
import { NatsServer } from "../support/nats-server.ts";
import { needsPrograms } from "../support/needs.ts";
import { RedisServer } from "../support/redis-server.ts";
import { ServerProcess } from "../support/server-process.ts";

/** The real command over a broker that is killed: what a balancer asks for, and what becomes of who is there. */
describe.each(["redis", "nats"] as const)("a server whose %s is away", (kind) => {
  needsPrograms(kind === "redis" ? "redis-server" : "nats-server");

  test("is healthy and not ready, keeps its clients, and is ready again by itself", async () => {
    await using broker = await (kind === "redis" ? RedisServer.start() : NatsServer.start());
    const url = broker instanceof RedisServer ? broker.url : `nats://${broker.address}`;
    const env = { CARILLON_DATA: "", CARILLON_REDIS: "", CARILLON_NATS: "", [`CARILLON_${kind.toUpperCase()}`]: url };
    const server = await ServerProcess.start({ env });
    const [ada, bob] = [new ChatSpeaker(server.url, "Ada"), new ChatSpeaker(server.url, "Bob")];
    try {
      expect(await look(server, "readyz")).toEqual([200, { status: "ok", store: "reachable" }]);
      const heard: unknown[] = [];
      const lobby = bob.client.channel("chat:lobby");
      lobby.on("publication", ({ data }) => void heard.push(data?.text));
      lobby.on("gap", ({ reason }) => void heard.push(`gap: ${reason}`));
      await lobby.subscribe();
      await ada.say("lobby", "before");
      const states: string[] = [];
      for (const { client } of [ada, bob]) client.on("state", ({ state }) => void states.push(state));

      await (broker instanceof RedisServer ? broker.end() : broker.stop());
      await expect.poll(() => look(server, "readyz")).toEqual([503, { status: "ok", store: "unreachable" }]);
      expect(await look(server, "healthz")).toEqual([200, { status: "ok", store: "unreachable" }]);
      const meanwhile = ada.say("lobby", "meanwhile");

      await broker.start();
      await expect.poll(() => look(server, "readyz")).toEqual([200, { status: "ok", store: "reachable" }]);
      await meanwhile;
      await ada.say("lobby", "after");
      await expect.poll(() => heard).toEqual(["before", "meanwhile", "after"]);
      expect(states, "their connections were kept").toEqual([]);
    } finally {
      ada.close();
      bob.close();
      await server.kill();
    }
  });
});

async function look({ url }: ServerProcess, path: string): Promise<[status: number, body: unknown]> {
  const answer = await fetch(`${url}/${path}`);
  return [answer.status, await answer.json()];
}
