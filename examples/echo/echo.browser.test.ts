import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "../../test/support/browser.ts";
import { needsChromium } from "../../test/support/needs.ts";
import { Program } from "../../test/support/program.ts";

describe("the page of the echo example", () => {
  const executablePath = needsChromium();
  let browser: Browser;

  beforeAll(async () => {
    if (executablePath !== "") browser = await launchBrowser(executablePath);
  });
  afterAll(() => browser?.close());

  const startServer = async (port: string) => {
    const server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT: port } });
    const [, url = ""] = await server.until(/Echo is at (\S+)\n/);
    return { server, url };
  };
  const open = async (url: string) => {
    const page = await browser.newPage();
    await page.goto(url);
    await expectState(page, "connected");
    return page;
  };
  const expectState = async (page: Page, state: string | RegExp) => {
    await expect.poll(() => page.locator("#state").textContent(), { timeout: 30_000 }).toMatch(state);
  };
  const send = async (page: Page, text: string) => {
    await page.getByLabel("Message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  };
  const shown = (page: Page) => page.getByRole("listitem").allTextContents();

  it("shows what comes back, as text whatever it looks like", async () => {
    const { server, url } = await startServer("0");
    await using _ = server;
    const page = await open(url);
    const texts = ["Hello", "<b>bold?</b>", "<img src=x onerror=alert(1)>"];
    for (const text of texts) await send(page, text);
    await expect.poll(() => shown(page)).toEqual(texts);
    expect(await page.locator("#messages b, #messages img").count()).toBe(0);
    await page.close();
  });

  it("shows with which code the server closes, and connects again when it is asked to", async () => {
    const { server, url } = await startServer("0");
    await using _ = server;
    const page = await open(url);
    await send(page, "close 4000 bye");
    await expectState(page, "closed by the server");
    await page.getByRole("button", { name: "Connect again" }).click();
    await expectState(page, "connected");
    await send(page, "x".repeat(1_025));
    await expectState(page, "closed by the server");
    await page.getByRole("button", { name: "Connect again" }).click();
    await expectState(page, "connected");
    await send(page, "fail");
    await expect
      .poll(() => shown(page))
      .toEqual(["closed: 4000 bye", "closed: 1009 (no reason)", "closed: 1011 The handler failed."]);
    await page.close();
  });

  it("says when the server is gone, and connects again by itself when it is back", async () => {
    const first = await startServer("0");
    await using firstServer = first.server;
    const page = await open(first.url);
    await firstServer[Symbol.asyncDispose]();
    await expectState(page, /^the server is gone, reconnecting \(attempt \d+\)$/);
    const { server, url } = await startServer(new URL(first.url).port);
    await using _ = server;
    await expectState(page, "connected");
    expect(url).toBe(first.url);
    await send(page, "Hello again");
    await expect.poll(() => shown(page)).toEqual(["closed: 1006 (no reason)", "Hello again"]);
    await page.close();
  });
});
