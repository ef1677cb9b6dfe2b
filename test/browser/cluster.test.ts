import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatCluster, type Keeping } from "../support/chat-cluster.ts";
import { ChatPage } from "../support/chat-page.ts";
import { needsChromium, needsPrograms } from "../support/needs.ts";
import { guestOf, Talk } from "../support/talk.ts";

/** In each, the node of either is killed, and the broker. A page that is loaded again shows the newest 60 messages. */
const ROUNDS = 3;
/** For a cluster that is none, in milliseconds: what comes at all comes much sooner. */
const CONTROL_MS = 5_000;

/** Two people talk through one proxy, each on a node of its own, and what they stand on is killed with SIGKILL. */
describe("the chat on three nodes", () => {
  const executablePath = needsChromium();
  needsPrograms("haproxy", "redis-server", "nats-server");
  const browsers: Browser[] = [];

  beforeAll(async () => {
    if (executablePath === "") return;
    for (let index = 0; index < 2; index += 1) browsers.push(await launchBrowser(executablePath));
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
  });

  /** Opens a page, and resolves when the proxy counts its connection and no other of its. */
  async function visit(cluster: ChatCluster, index: number, name: string): Promise<ChatPage> {
    const chat = await ChatPage.open(await browsers[index]!.newContext(), cluster.url, name);
    await expect.poll(async () => sum(await cluster.connections())).toBe(index + 1);
    return chat;
  }

  async function begin(cluster: ChatCluster): Promise<Talk> {
    const ada = await visit(cluster, 0, "Ada");
    let bob = await visit(cluster, 1, "Bob");
    // The proxy counts what loads a page as well, and so may send both to one node: then Bob comes again.
    const areApart = async (): Promise<boolean> =>
      (await cluster.connections()).filter((count) => count === 1).length === 2;
    for (let tries = 0; tries < 10 && !(await areApart()); tries += 1) {
      await bob.page.context().close();
      await expect.poll(async () => sum(await cluster.connections())).toBe(1);
      bob = await visit(cluster, 1, "Bob");
    }
    expect(await areApart(), "two nodes with one each").toBe(true);
    for (const { page } of [ada, bob]) await page.evaluate(() => void (document.body.id = "opened"));
    return new Talk(ada, bob);
  }

  /** A node that somebody is connected to is killed while both talk; how long it takes until they hear each other again. */
  async function killNode(cluster: ChatCluster, talk: Talk, index: number): Promise<number> {
    const startMs = performance.now();
    await Promise.all([talk.say("at the kill"), cluster.kill(index)]);
    await talk.exchange("after the kill");
    const ms = performance.now() - startMs;
    await cluster.revive(index);
    return ms;
  }

  async function killBroker(cluster: ChatCluster, talk: Talk): Promise<number> {
    await Promise.all([talk.say("at the broker's end"), cluster.killBroker()]);
    await talk.say("without a broker");
    for (const page of talk.pages) expect((await page.marks()).at(-1)).toBe("sending");
    await cluster.reviveBroker();
    const startMs = performance.now();
    await talk.exchange("after the broker's end");
    return performance.now() - startMs;
  }

  test.for<Keeping>(["redis", "nats"])(
    "with %s loses, repeats and reorders nothing when nodes and the broker are killed, and nobody sees a reload",
    { timeout: 240_000 },
    async (keeping) => {
      await using cluster = await ChatCluster.start(keeping);
      const talk = await begin(cluster);
      const [ada, bob] = talk.pages as [ChatPage, ChatPage];
      expect(await ada.page.locator(".memory").count(), "a note that a restart forgets messages").toBe(0);
      const guests = await Promise.all([guestOf(ada), guestOf(bob)]);
      const missing = await Promise.all([bob.watchFor("Ada"), ada.watchFor("Bob")]);
      const pauses: number[] = [];
      const outages: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        await talk.exchange("before");
        const counts = await cluster.connections();
        // Both may have come to one node by now; then it is killed first, and another they went to next.
        pauses.push(
          await killNode(
            cluster,
            talk,
            counts.findIndex((count) => count > 0),
          ),
        );
        pauses.push(
          await killNode(
            cluster,
            talk,
            (await cluster.connections()).findLastIndex((count) => count > 0),
          ),
        );
        outages.push(await killBroker(cluster, talk));
      }
      const faults = await talk.faults();
      const flickers = sum((await Promise.all(missing.map((read) => read()))).map(({ times }) => times));
      console.log(
        `${keeping}: ${2 * ROUNDS} nodes and ${ROUNDS} brokers killed, ${[...talk.said.values()].flat().length} messages said: ` +
          `${faults.length} faults in what two browsers show; they heard each other again after ${inMs(pauses)} ms, ` +
          `and ${inMs(outages)} ms after the broker was back; somebody who was there was not listed ${flickers} times.`,
      );
      expect(faults).toEqual([]);
      for (const chat of [ada, bob]) {
        expect(await chat.page.evaluate(() => document.body.id)).toBe("opened");
        await expect.poll(async () => (await chat.people()).toSorted(), { timeout: 10_000 }).toEqual(["Ada", "Bob"]);
      }
      const before = await talk.views();
      for (const chat of [ada, bob]) {
        await chat.page.reload();
        await chat.waitForState("connected");
      }
      // On whatever node they are now, they are who they were: their messages are their own.
      expect(await talk.faults()).toEqual([]);
      expect((await talk.views()).map(({ texts }) => texts)).toEqual(before.map(({ texts }) => texts));
      expect(await Promise.all([guestOf(ada), guestOf(bob)])).toEqual(guests);
      expect([...ada.problems, ...bob.problems]).toEqual([]);
      await Promise.all([ada, bob].map(({ page }) => page.context().close()));
    },
  );

  test.for<readonly [string, Keeping]>([
    ["a memory", "memory"],
    ["a name in Redis", "apart"],
  ])("does not pass where each node has %s of its own", async ([, keeping]) => {
    await using cluster = await ChatCluster.start(keeping);
    // Not through the proxy: there a ticket of one node comes to another, and nobody gets in at all.
    const pages = ["Ada", "Bob"].map(async (name, index) =>
      ChatPage.open(await browsers[index]!.newContext(), cluster.nodeUrl(index), name),
    );
    const [ada, bob] = (await Promise.all(pages)) as [ChatPage, ChatPage];
    const talk = new Talk(ada, bob);
    await talk.say("to the other");
    const faults = await talk.faults(CONTROL_MS);
    console.log(`Each node with ${keeping} of its own: ${faults.length} faults, such as: ${faults[0] ?? "none"}`);
    expect(faults.some((fault) => fault.includes("does not see"))).toBe(true);
    await Promise.all([ada, bob].map(({ page }) => page.context().close()));
  });
});

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function inMs(values: readonly number[]): string {
  return values.map((value) => Math.round(value)).join(", ");
}
