import { AxeBuilder } from "@axe-core/playwright";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatPage } from "../support/chat-page.ts";
import { ChatSpeaker } from "../support/chat-speaker.ts";
import { needsChromium } from "../support/needs.ts";
import { ServerProcess } from "../support/server-process.ts";

/** The chat for those who use no mouse, see no screen, or see it in the dark. */
describe("everybody can use the chat", () => {
  const executablePath = needsChromium();
  let server: ServerProcess;
  let browser: Browser;
  let grace: ChatSpeaker;

  beforeAll(async () => {
    if (executablePath === "") return;
    server = await ServerProcess.start();
    browser = await launchBrowser(executablePath);
    grace = new ChatSpeaker(server.url, "Grace");
    await grace.client.channel("chat:lobby").presence.enter({ name: "Grace" });
    await grace.say("lobby", "Welcome! See https://example.org/welcome 👋");
    await grace.say("lobby", "And a second line.");
    await grace.client.channel("chat:lobby").erase(await grace.say("lobby", "Never mind."));
  });

  afterAll(async () => {
    grace?.close();
    await browser?.close();
    await server?.kill();
  });

  /** Screens of the chat, by how one comes to them. */
  const SCREENS: Readonly<Record<string, (page: Page) => Promise<void>>> = {
    "the way in": async (page) => {
      await page.goto(`${server.url}/`);
      await page.waitForSelector(".join-room");
      // With its complaint.
      await page.keyboard.press("Enter");
    },
    "a room": openRoom,
    "a message with its toolbar": async (page) => {
      await openRoom(page);
      await page.locator(".message").last().hover();
      await page.waitForSelector(".toolbar");
    },
    "a message that is changed": async (page) => {
      await openRoom(page);
      await page.locator(".message[data-own]").last().hover();
      await page.getByRole("button", { name: "Edit" }).click();
    },
    "a reply with suggestions": async (page) => {
      await openRoom(page);
      await page.locator(".message").last().hover();
      await page.getByRole("button", { name: "Reply" }).click();
      await page.locator("#text").pressSequentially("I agree, @Gr");
      await page.waitForSelector(".suggestion");
    },
    "the question before deleting": async (page) => {
      await openRoom(page);
      await page.locator(".message[data-own]").last().hover();
      await page.getByRole("button", { name: "Delete" }).click();
      await page.waitForSelector("dialog[open]");
    },
    "the picker of emoji": async (page) => {
      await openRoom(page);
      await page.getByRole("button", { name: "Insert emoji" }).click();
      await page.waitForSelector(".emoji-grid");
    },
    "name and appearance": async (page) => {
      await openRoom(page);
      if (await page.locator(".only-narrow").isVisible()) {
        await page.getByRole("button", { name: "Rooms" }).click();
      }
      await page.getByRole("button", { name: /Name and appearance/ }).click();
      await page.waitForSelector("dialog[open]");
    },
    "a message that is too long": async (page) => {
      await openRoom(page);
      await page.fill("#text", "x".repeat(100_000));
      await page.waitForSelector(".composer-note.problem");
    },
    "a lost connection": async (page) => {
      await openRoom(page);
      // Leaves as a page does that the browser puts aside: the client closes its connection and waits.
      await page.evaluate(() => dispatchEvent(new PageTransitionEvent("pagehide", { persisted: true })));
      await page.waitForSelector('.banner[data-connection="offline"]');
      await page.fill("#text", "written while away");
      await page.keyboard.press("Enter");
      await page.waitForSelector('.message[data-status="sending"]');
    },
    "a closed room": async (page) => {
      await page.goto(`${server.url}/r/Not_A_Room`);
      await page.waitForSelector(".notice-page");
    },
    "a refused ticket": async (page) => {
      await page.route("**/ticket", (route) => route.fulfill({ status: 403, json: { error: { message: "No." } } }));
      await page.goto(`${server.url}/`);
      await page.waitForSelector(".notice-page");
    },
  };

  async function openRoom(page: Page): Promise<void> {
    await page.goto(`${server.url}/?name=Ada`);
    await page.waitForSelector('#status[data-state="connected"]');
    await page.fill("#text", `Hello **everybody**, @Grace ${Date.now()}`);
    await page.press("#text", "Enter");
    await page.waitForSelector('.message[data-own][data-status="sent"]');
  }

  test.for([1440, 390])("axe finds nothing on any screen, light and dark, at %d px", async (width) => {
    const offences: string[] = [];
    for (const [name, open] of Object.entries(SCREENS)) {
      // The policy of the page lets no script of others in, axe's included; it is tried in other tests.
      const context = await browser.newContext({
        bypassCSP: true,
        reducedMotion: "reduce",
        viewport: { width, height: 844 },
      });
      const page = await context.newPage();
      await open(page);
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        const { violations, passes } = await new AxeBuilder({ page }).setLegacyMode(true).analyze();
        expect(passes.length, `rules that had something to look at: ${name}`).toBeGreaterThan(8);
        offences.push(
          ...violations.map(
            ({ id, impact, nodes }) =>
              `${name}, ${colorScheme}: ${impact} ${id}: ${nodes[0]?.html.slice(0, 160)} ${nodes[0]?.failureSummary ?? ""}`,
          ),
        );
      }
      await context.close();
    }
    expect(offences).toEqual([]);
  });

  test("a whole conversation is held with the keyboard alone, and told to a screen reader", async () => {
    const lin = new ChatSpeaker(server.url, "Lin");
    const context = await browser.newContext();
    const page = await context.newPage();
    const keys = page.keyboard;
    const focused = (): Promise<string> =>
      page.evaluate(
        () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "",
      );
    const tabTo = async (label: RegExp): Promise<void> => {
      for (let press = 0; press < 40; press += 1) {
        if (label.test(await focused())) return;
        await keys.press("Tab");
      }
      throw new Error(`Tab does not lead to ${String(label)}.`);
    };
    // In, under a name, and into a room of one's own.
    await page.goto(`${server.url}/`);
    await page.waitForSelector(".join-room");
    await keys.type("Ada");
    for (
      let press = 0;
      press < 10 &&
      !(await page.evaluate(() => (document.activeElement as HTMLInputElement).placeholder === "Garden club"));
      press += 1
    ) {
      await keys.press("Tab");
    }
    await keys.type("Keyboard club");
    await keys.press("Enter");
    await page.waitForURL("**/r/keyboard-club");
    await page.waitForSelector('#status[data-state="connected"]');
    await expect.poll(focused).toBe("Message to Keyboard club");

    // Two lines, then an answer to what comes.
    await keys.type("First line");
    await keys.press("Shift+Enter");
    await keys.type("second line");
    await keys.press("Enter");
    const texts = (): Promise<string[]> => page.locator(".message .text").allTextContents();
    await expect.poll(texts).toEqual(["First line\nsecond line"]);
    await lin.say("keyboard-club", "Shall we meet?");
    await expect.poll(texts).toHaveLength(2);
    await expect
      .poll(() => page.locator("[data-announcer]").textContent(), { timeout: 10_000 })
      .toBe("Lin: Shall we meet?");
    await keys.press("ArrowUp");
    await expect.poll(focused).toContain("Shall we meet?");
    await keys.press("r");
    await expect.poll(focused).toBe("Message to Keyboard club");
    await keys.type("Yes");
    await keys.press("Enter");
    await expect.poll(() => page.locator(".message .quote .what").textContent()).toBe("Shall we meet?");

    // A reaction by the toolbar, one by the picker.
    await keys.press("ArrowUp");
    await keys.press("ArrowUp");
    await expect.poll(focused).toContain("Shall we meet?");
    await tabTo(/^React with 👍$/);
    await keys.press("Enter");
    await expect.poll(() => page.locator(".reaction").getAttribute("aria-label")).toBe("👍 by you");
    await keys.press("Escape");
    await keys.press("+");
    await page.waitForSelector(".emoji-grid");
    await keys.type("bell");
    await keys.press("Enter");
    await expect.poll(() => page.locator(".reaction").count()).toBe(2);

    // One's own message is changed and another deleted.
    await expect.poll(focused).toContain("Shall we meet?");
    await keys.press("End");
    await expect.poll(focused).toContain("Yes");
    await keys.press("e");
    await expect.poll(focused).toBe("Edit message");
    await keys.type(", at noon");
    await keys.press("Enter");
    await expect.poll(async () => (await texts()).at(-1)).toBe("Yes, at noon");
    await expect.poll(focused).toContain("Yes, at noon");
    await keys.press("Home");
    await expect.poll(focused).toContain("First line");
    await keys.press("Delete");
    await page.waitForSelector("dialog[open]");
    await keys.press("Enter");
    await expect.poll(async () => (await texts())[0]).toBe("This message was deleted.");

    // Out, into the other room.
    await tabTo(/^Open a new room$/);
    await tabTo(/^#?Lobby/);
    await keys.press("Enter");
    await page.waitForURL("**/r/lobby");
    lin.close();
    await context.close();
  });

  test("what moves stands still for those who asked for it", async () => {
    const context = await browser.newContext({ reducedMotion: "reduce" });
    const chat = await ChatPage.open(context, server.url, "Ada");
    await chat.say("still");
    await chat.page.getByRole("button", { name: "Insert emoji" }).click();
    await chat.page.waitForSelector("dialog[open]");
    const moving = await chat.page.evaluate(
      () =>
        document.getAnimations().filter((animation) => Number(animation.effect?.getComputedTiming().duration) > 1)
          .length,
    );
    expect(moving).toBe(0);
    await context.close();
  });
});
