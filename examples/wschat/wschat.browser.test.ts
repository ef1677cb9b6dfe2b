import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { launchBrowser } from "../../test/support/browser.ts";
import { needsChromium } from "../../test/support/needs.ts";
import { Program } from "../../test/support/program.ts";
import { freePort } from "../../test/support/serve.ts";

const executablePath = needsChromium();

async function startServer(PORT: string): Promise<Program> {
  const server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT } });
  await server.until(/The chat is at/);
  return server;
}

async function say(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message").fill(text);
  await page.getByRole("button", { name: "Send" }).click();
}

function heard(page: Page): Promise<string[]> {
  return page.getByRole("listitem").allTextContents();
}

function stateOf(page: Page): Promise<string | null> {
  return page.locator("#state").textContent();
}

it("the pages of the wschat example talk in one channel, and both come back after a drop", async () => {
  const PORT = String(await freePort());
  const first = await startServer(PORT);
  const browser = await launchBrowser(executablePath);
  try {
    const [ada, bob] = [await browser.newPage(), await browser.newPage()];
    await ada.goto(`http://localhost:${PORT}/?name=Ada`);
    await expect.poll(() => stateOf(ada)).toBe("connected as Ada");
    await say(ada, "Is anybody here?");
    await expect.poll(() => heard(ada)).toEqual(["Ada: Is anybody here?"]);
    await bob.goto(`http://localhost:${PORT}/sdk?name=Bob`);
    await expect.poll(() => stateOf(bob)).toBe("connected as Bob");
    // The SDK page has what was said before it came.
    await expect.poll(() => heard(bob)).toEqual(["Ada: Is anybody here?"]);
    await say(bob, "I am, <i>Ada</i>");
    await expect.poll(() => heard(ada)).toEqual(["Ada: Is anybody here?", "Bob: I am, <i>Ada</i>"]);
    await expect.poll(() => heard(bob)).toEqual(["Ada: Is anybody here?", "Bob: I am, <i>Ada</i>"]);

    await first[Symbol.asyncDispose]();
    await expect.poll(() => stateOf(ada)).toMatch(/^closed: /);
    await expect.poll(() => stateOf(bob)).toBe("connecting");
    await say(bob, "Said while the server is down");
    await using _second = await startServer(PORT);
    await expect.poll(() => stateOf(ada)).toBe("connected as Ada");
    await expect.poll(() => stateOf(bob)).toBe("connected as Bob");
    await say(ada, "Back again");
    await expect.poll(() => heard(bob).then((texts) => texts.at(-1))).toBe("Ada: Back again");
    const once = (texts: readonly string[]): number =>
      texts.filter((text) => text === "Bob: Said while the server is down").length;
    expect(once(await heard(bob))).toBe(1);
  } finally {
    await browser.close();
    await first[Symbol.asyncDispose]();
  }
});
