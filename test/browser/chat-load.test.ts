import type { Browser } from "playwright-core";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { measureChat, printChatLoad } from "../support/chat-load.ts";
import { needsChromium } from "../support/needs.ts";
import { ServerProcess } from "../support/server-process.ts";

const SCRIPT_BYTES_MAX = 120_000;
/** From the beginning of the navigation, with a processor four times slower, in milliseconds. */
const INTERACTIVE_MS_MAX = 2_000;
const TASK_MS_MAX = 100;

describe("the chat under load", () => {
  const executablePath = needsChromium();

  test("a room of 10,000 messages, and fifty more a second, hold up nobody", { timeout: 120_000 }, async () => {
    const load = { executablePath, messages: 10_000, perSecond: 50, durationMs: 10_000, sampleMs: 5_000 };
    const figures = await measureChat(load);
    console.log(printChatLoad(load, figures));
    // By processor time: what the thread waits for while other programs have the processor is not the page's doing.
    expect(figures.following.longestOwnMs).toBeGreaterThan(0);
    expect(figures.following.longestOwnMs).toBeLessThanOrEqual(TASK_MS_MAX);
    expect(figures.scrolling.longestOwnMs).toBeLessThanOrEqual(TASK_MS_MAX);
    // Some five thousand elements for a list that has ten thousand messages behind it.
    expect(Math.max(...figures.memory.map(({ nodes }) => nodes))).toBeLessThan(15_000);
    expect(figures.rendered).toBeLessThanOrEqual(400);
  });
});

describe("the first load of the chat", () => {
  const executablePath = needsChromium();
  let server: ServerProcess;
  let browser: Browser;

  beforeAll(async () => {
    if (executablePath === "") return;
    server = await ServerProcess.start();
    browser = await launchBrowser(executablePath);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.kill();
  });

  test("is small, and soon takes what is typed on a slow machine", async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    const scripts: Promise<Buffer>[] = [];
    page.on("response", (response) => {
      if (response.url().endsWith(".js")) scripts.push(response.body());
    });
    const session = await context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    await page.addInitScript(() => {
      const times: Record<string, number> = {};
      Object.assign(globalThis, { times });
      new PerformanceObserver((list) => {
        for (const { startTime, duration } of list.getEntries()) times["lastLongTaskEnd"] = startTime + duration;
      }).observe({ type: "longtask", buffered: true });
      new MutationObserver(() => {
        if (document.querySelector("#text") !== null) times["composer"] ??= performance.now();
        if (document.querySelector('#status[data-state="connected"]') !== null)
          times["connected"] ??= performance.now();
      }).observe(document, { childList: true, subtree: true, attributes: true });
    });
    await page.goto(`${server.url}/r/lobby?name=Ada`);
    await page.waitForSelector('#status[data-state="connected"]');
    await page.locator("#text").pressSequentially("hello");
    await page.keyboard.press("Enter");
    await page.waitForSelector('.message[data-own][data-status="sent"]');
    const times = await page.evaluate(() => (globalThis as unknown as { times: Record<string, number> }).times);
    const bytes = (await Promise.all(scripts)).reduce(
      (total, body) => total + gzipSync(body, { level: 9 }).byteLength,
      0,
    );
    console.log(
      `First load: ${bytes} bytes of JavaScript (gzip -9); at a fourth of the speed the composer stands after ` +
        `${times["composer"]?.toFixed(0)} ms, connected after ${times["connected"]?.toFixed(0)} ms`,
    );
    expect(bytes).toBeGreaterThan(0);
    expect(bytes).toBeLessThanOrEqual(SCRIPT_BYTES_MAX);
    expect(times["composer"]).toBeLessThanOrEqual(INTERACTIVE_MS_MAX);
    expect(times["connected"]).toBeLessThanOrEqual(INTERACTIVE_MS_MAX);
    await context.close();
  });
});
