import type { Browser, BrowserContext, Locator } from "playwright-core";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatPage } from "../support/chat-page.ts";
import { ChatSpeaker } from "../support/chat-speaker.ts";
import { needsChromium } from "../support/needs.ts";
import { ServerProcess } from "../support/server-process.ts";

/** What people do in rooms beside talking, in real pages of the real command. */
describe("the rooms of the chat", () => {
  const executablePath = needsChromium();
  let server: ServerProcess;
  let browser: Browser;
  let contexts: BrowserContext[] = [];
  let rooms = 0;
  let room = "";

  beforeAll(async () => {
    if (executablePath === "") return;
    server = await ServerProcess.start();
    browser = await launchBrowser(executablePath);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.kill();
  });

  beforeEach(() => {
    rooms += 1;
    room = `room-${rooms}`;
  });

  afterEach(async () => {
    await Promise.all(contexts.map((context) => context.close()));
    contexts = [];
  });

  async function join(name: string, path = `/r/${room}`): Promise<ChatPage> {
    const context = await browser.newContext();
    contexts.push(context);
    return ChatPage.open(context, server.url, name, path);
  }

  const row = (chat: ChatPage, text: string): Locator => chat.page.locator(".message", { hasText: text }).last();

  async function act(chat: ChatPage, text: string, button: string): Promise<void> {
    await row(chat, text).hover();
    await row(chat, text).getByRole("button", { name: button }).click();
  }

  test("a message is changed, answered, given emoji and deleted, and everybody sees it, now and after a reload", async () => {
    const [ada, bob] = [await join("Ada"), await join("Bob")];
    await ada.say("first thought");
    await ada.say("regretted");

    await act(ada, "first thought", "Edit");
    await ada.page.getByLabel("Edit message").fill("second thought");
    await ada.page.keyboard.press("Enter");
    await expect.poll(() => bob.texts()).toEqual(["second thought", "regretted"]);
    await expect.poll(() => row(bob, "second thought").innerText()).toContain("(edited)");

    await act(ada, "regretted", "Delete");
    await ada.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await expect.poll(() => bob.texts()).toEqual(["second thought", "This message was deleted."]);

    await act(bob, "second thought", "Reply");
    await bob.say("I agree, @Ada");
    await expect.poll(() => row(ada, "I agree").locator(".quote").innerText()).toContain("second thought");
    await expect.poll(() => row(ada, "I agree").locator(".mention").textContent()).toBe("@Ada");

    await act(bob, "second thought", "React with 👍");
    const reaction = row(ada, "second thought").locator(".reaction");
    await expect.poll(() => reaction.getAttribute("aria-label")).toBe("👍 by Bob");
    await reaction.click();
    await expect.poll(() => row(bob, "second thought").locator(".reaction").innerText()).toMatch(/👍\s*2/);
    await row(bob, "second thought").locator(".reaction").click();
    await expect.poll(() => reaction.getAttribute("aria-label")).toBe("👍 by you");

    await ada.page.reload();
    await ada.waitForState("connected");
    await expect.poll(() => ada.texts()).toEqual(["second thought", "This message was deleted.", "I agree, @Ada"]);
    await expect.poll(() => reaction.getAttribute("aria-label")).toBe("👍 by you");
    expect(await ada.page.locator(".message[data-own]").count()).toBe(2);
    expect([...ada.problems, ...bob.problems]).toEqual([]);
  });

  test("what waits in other rooms is counted there and in the title, and gone when it is read", async () => {
    const [ada, bob] = [await join("Ada", `/r/${room}-a`), await join("Bob", `/r/${room}-a`)];
    await bob.say("hello");
    await expect.poll(() => ada.texts()).toEqual(["hello"]);
    for (const other of ["b", "c"]) {
      await ada.page.evaluate((path) => history.pushState(null, "", path), `/r/${room}-${other}`);
      await ada.page.evaluate(() => dispatchEvent(new PopStateEvent("popstate")));
      await ada.page.waitForSelector(`.room[data-room="${room}-${other}"]`);
    }
    const link = (name: string): Locator => ada.page.locator(`.rooms a[data-room="${room}-${name}"]`);
    for (const text of ["one", "two", "three for @Ada"]) await bob.say(text);
    await expect.poll(() => link("a").locator(".badge").textContent()).toMatch(/^@3 new/);
    await expect.poll(() => ada.page.title()).toBe(`(3) ${room}-c · Carillon`);

    await link("a").click();
    await expect.poll(() => ada.texts()).toEqual(["hello", "one", "two", "three for @Ada"]);
    expect(await ada.page.locator(".rule.unread + .message .text").textContent()).toBe("one");
    await expect.poll(() => ada.page.title()).toBe(`${room}-a · Carillon`);
    expect(await link("a").locator(".badge").count()).toBe(0);
    expect(await ada.page.locator(".rooms li").count()).toBeGreaterThanOrEqual(3);
  });

  test("scrolling back crosses pages of history, with what was changed in them, and keeps its place", async () => {
    const grace = new ChatSpeaker(server.url, "Grace");
    const ids = await grace.fill(room, 200, (index) => `line ${index} ${"and so on ".repeat(index % 9)}`);
    const channel = grace.client.channel("chat:{room}", { room });
    // Changed and erased around the borders of pages of sixty.
    for (const index of [79, 80, 139])
      await channel.amend(ids[index] ?? "", { text: `changed ${index}`, name: "Grace", isEdited: true });
    await channel.erase(ids[140] ?? "");

    const ada = await join("Ada");
    await expect.poll(() => ada.count()).toBe(60);
    await ada.page.mouse.move(640, 300);
    let jumps = 0;
    for (let turn = 0; turn < 200 && (await ada.page.locator(".beginning").count()) === 0; turn += 1) {
      const before = await middle(ada);
      await ada.page.mouse.wheel(0, -300);
      await ada.page.waitForTimeout(40);
      const after = await ada.page.evaluate(topOf, before.key);
      // A wheel moves what is read down by its own way at most, whatever is put in above.
      if (after === null || after - before.top < -2 || after - before.top > 302) jumps += 1;
    }
    expect(jumps).toBe(0);
    const texts = await ada.texts();
    expect(texts).toHaveLength(200);
    expect([texts[79], texts[80], texts[139], texts[140]]).toEqual([
      "changed 79",
      "changed 80",
      "changed 139",
      "This message was deleted.",
    ]);

    await grace.say(room, "fresh");
    await expect.poll(() => ada.page.locator(".jump").innerText()).toBe("1 new message");
    await ada.page.locator(".jump").click();
    await expect.poll(async () => (await ada.texts()).at(-1)).toBe("fresh");
    await expect.poll(() => ada.page.locator(".jump").count()).toBe(0);
    grace.close();
  });

  test("several tabs of one person are one person, and a new name shows in all of them and to others", async () => {
    const [ada, bob] = [await join("Ada"), await join("Bob")];
    const second = await ada.page.context().newPage();
    await second.goto(`${server.url}/r/${room}`);
    await second.waitForSelector('#status[data-state="connected"]');
    await expect.poll(() => bob.people()).toEqual(["Bob", "Ada"]);

    await ada.say("from the first tab");
    await expect
      .poll(() => second.locator(".message[data-own] .text").allTextContents())
      .toEqual(["from the first tab"]);
    await second.getByRole("button", { name: /Name and appearance/ }).click();
    await second.getByRole("dialog").getByLabel("Your name").fill("Ada Lovelace");
    await second.keyboard.press("Enter");
    await expect.poll(() => bob.people()).toEqual(["Bob", "Ada Lovelace"]);
    await expect.poll(() => row(bob, "from the first tab").locator(".name").textContent()).toBe("Ada Lovelace");
    await expect.poll(() => ada.people()).toEqual(["Ada Lovelace", "Bob"]);
    await second.close();
    await expect.poll(() => bob.people()).toEqual(["Bob", "Ada Lovelace"]);
  });

  test("the way in shows who is where, opens rooms, and says when a name is taken", async () => {
    const ada = await join("Ada");
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(`${server.url}/`);
    const choice = page.locator(`.join-room[data-room="${room}"]`);
    await expect.poll(() => choice.innerText(), { timeout: 10_000 }).toContain("Ada is here");
    await page.getByLabel("Your name").fill("Bob");
    await page.getByLabel("Open a new room").fill("Lobby");
    await page.getByRole("button", { name: "Create" }).click();
    await expect
      .poll(() => page.locator(".join-new .problem").last().textContent())
      .toContain("room of that name already");
    await page.getByLabel("Open a new room").fill(`Garden ${room}!`);
    await page.getByRole("button", { name: "Create" }).click();
    await page.waitForURL(`**/r/garden-${room}`);
    await expect.poll(() => page.locator("h1").textContent()).toBe(`Garden ${room}!`);
    expect(ada.problems).toEqual([]);
  });

  test("who writes shows to the others, and ends with the message", async () => {
    const [ada, bob] = [await join("Ada"), await join("Bob")];
    await expect.poll(() => ada.people()).toEqual(["Ada", "Bob"]);
    await ada.page.locator("#text").pressSequentially("Hel");
    await expect.poll(() => bob.page.locator(".typing").innerText()).toContain("Ada is writing");
    await ada.page.keyboard.press("Enter");
    await expect.poll(() => bob.texts()).toEqual(["Hel"]);
    await expect.poll(() => bob.page.locator(".typing").innerText()).toBe("");
  });

  test("a room that is closed, and a ticket that is refused, are told on a page of their own", async () => {
    const context = await browser.newContext();
    contexts.push(context);
    const page = await context.newPage();
    await page.goto(`${server.url}/r/Not_A_Room`);
    await expect.poll(() => page.locator("h1").textContent()).toBe("This room is closed to you");
    await page.getByRole("button", { name: "Go to the lobby" }).click();
    await page.waitForSelector('.room[data-room="lobby"]');

    const error = { error: { code: "origin_refused", message: "This page is not allowed." } };
    await page.route("**/ticket", (route) => route.fulfill({ status: 403, json: error }));
    await page.reload();
    await expect.poll(() => page.locator("main").innerText()).toContain("This page is not allowed.");
    await page.unroute("**/ticket");
    await page.getByRole("button", { name: "Try again" }).click();
    await page.waitForSelector('#status[data-state="connected"]');
  });

  async function middle(chat: ChatPage): Promise<{ key: string; top: number }> {
    return chat.page.evaluate(() => {
      const edge = (document.querySelector(".list")?.getBoundingClientRect().top ?? 0) + 100;
      const found = [...document.querySelectorAll<HTMLElement>(".message")].find(
        (one) => one.getBoundingClientRect().top > edge,
      );
      return { key: found?.dataset["key"] ?? "", top: found?.getBoundingClientRect().top ?? 0 };
    });
  }
});

function topOf(key: string): number | null {
  return document.querySelector(`[data-key="${CSS.escape(key)}"]`)?.getBoundingClientRect().top ?? null;
}
