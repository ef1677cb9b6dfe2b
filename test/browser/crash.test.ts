import { rmSync } from "node:fs";
import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatPage } from "../support/chat-page.ts";
import { needsChromium } from "../support/needs.ts";
import { newDataFolder, ServerProcess } from "../support/server-process.ts";
import { guestOf, Talk } from "../support/talk.ts";

/** How often the server is killed. A page that is loaded again shows the newest 60 messages: ten for each kill. */
const KILLS = 5;
/** The real command is killed with SIGKILL while two people talk in two Chromium processes, and started again. */
describe("the chat whose server is killed", () => {
  const executablePath = needsChromium();
  const browsers: Browser[] = [];
  const folders: string[] = [];
  let server: ServerProcess;

  beforeAll(async () => {
    if (executablePath === "") return;
    for (let index = 0; index < 2; index += 1) browsers.push(await launchBrowser(executablePath));
  });

  afterEach(async () => {
    await server?.kill();
    for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
  });

  async function begin(data: string): Promise<Talk> {
    server = await ServerProcess.start({ env: { CARILLON_DATA: data } });
    const [ada, bob] = await Promise.all(
      ["Ada", "Bob"].map(async (name, index) => ChatPage.open(await browsers[index]!.newContext(), server.url, name)),
    );
    if (ada === undefined || bob === undefined) throw new Error("Expected two pages.");
    for (const { page } of [ada, bob]) await page.evaluate(() => void (document.body.id = "opened"));
    return new Talk(ada, bob);
  }

  /** Kills the server while both talk, lets them talk while it is gone, and starts it again where it was. */
  async function killOnce(
    talk: Talk,
    { data, isMidSentence }: { data: string; isMidSentence: boolean },
  ): Promise<void> {
    await talk.say("before the kill");
    // What is on its way when the server dies may be stored or not; its sender can't know.
    if (isMidSentence) await Promise.all([talk.say("at the kill"), server.kill()]);
    else {
      await talk.say("at the kill");
      await server.kill();
    }
    const { port } = server;
    for (const page of talk.pages) await page.waitForState("connecting");
    await talk.say("while it is gone");
    await talk.say("while it is gone");
    for (const page of talk.pages) expect((await page.marks()).at(-1)).toBe("sending");
    server = await ServerProcess.start({ env: { PORT: String(port), CARILLON_DATA: data } });
    for (const page of talk.pages) await page.waitForState("connected");
    await talk.say("when it is back");
  }

  test("everything is there once, in one order, for both, without a reload; guests stay who they are", async () => {
    const data = newDataFolder();
    folders.push(data);
    const talk = await begin(data);
    const [ada, bob] = talk.pages as [ChatPage, ChatPage];
    expect(await ada.page.locator(".memory").count(), "a note that a restart forgets messages").toBe(0);
    const guests = await Promise.all([guestOf(ada), guestOf(bob)]);
    for (let kill = 0; kill < KILLS; kill += 1) await killOnce(talk, { data, isMidSentence: kill % 2 === 0 });

    const faults = await talk.faults();
    const count = [...talk.said.values()].flat().length;
    console.log(`${KILLS} kills, ${count} messages said: ${faults.length} faults in what two browsers show.`);
    expect(faults).toEqual([]);
    for (const { page } of [ada, bob]) expect(await page.evaluate(() => document.body.id)).toBe("opened");
    await expect.poll(async () => (await bob.people()).toSorted(), { timeout: 10_000 }).toEqual(["Ada", "Bob"]);

    const before = await talk.views();
    for (const chat of [ada, bob]) {
      await chat.page.reload();
      await chat.waitForState("connected");
    }
    await expect.poll(() => talk.faults()).toEqual([]);
    expect((await talk.views()).map(({ texts }) => texts)).toEqual(before.map(({ texts }) => texts));
    expect(await Promise.all([guestOf(ada), guestOf(bob)])).toEqual(guests);
    expect([...ada.problems, ...bob.problems]).toEqual([]);
    await Promise.all([ada, bob].map(({ page }) => page.context().close()));
  }, 180_000);

  test.for<readonly [string, () => string]>([
    ["keeps everything in memory", () => ":memory:"],
    ["starts again on an empty folder", newDataFolder],
  ])("a server that %s does not pass: both browsers are shown a gap", async ([, place]) => {
    const first = place();
    const second = place();
    folders.push(...[first, second].filter((folder) => folder !== ":memory:"));
    const talk = await begin(first);
    const [ada, bob] = talk.pages as [ChatPage, ChatPage];
    expect(await ada.page.locator(".memory").count()).toBe(first === ":memory:" ? 1 : 0);
    const guests = await Promise.all([guestOf(ada), guestOf(bob)]);
    await killOnce(talk, { data: second, isMidSentence: false });
    const faults = await talk.faults();
    console.log(`Without what was stored: ${faults.length} faults, such as: ${faults[0] ?? "none"}`);
    expect(faults).toContain("Ada is shown a gap (epoch).");
    expect(faults).toContain("Bob is shown a gap (epoch).");
    await ada.page.reload();
    await ada.waitForState("connected");
    expect(await guestOf(ada)).not.toBe(guests[0]);
    await Promise.all([ada, bob].map(({ page }) => page.context().close()));
  });
});
