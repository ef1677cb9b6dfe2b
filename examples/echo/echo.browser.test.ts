import { expect, it } from "vitest";
import { launchBrowser } from "../../test/support/browser.ts";
import { needsChromium } from "../../test/support/needs.ts";
import { Program } from "../../test/support/program.ts";
import { freePort } from "../../test/support/serve.ts";

const executablePath = needsChromium();

it("the page of the echo example shows what comes back, how the connection ends, and connects again", async () => {
  const PORT = String(await freePort());
  await using server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT } });
  await server.until(/Echo is at/);
  const browser = await launchBrowser(executablePath);
  try {
    const page = await browser.newPage();
    await page.goto(`http://localhost:${PORT}/`);
    const state = page.locator("#state");
    const send = async (text: string): Promise<void> => {
      await page.getByLabel("Message").fill(text);
      await page.getByRole("button", { name: "Send" }).click();
    };
    await expect.poll(() => state.textContent()).toBe("connected");
    await send("Hello");
    await send("<b>bold?</b>");
    await expect.poll(() => page.getByRole("listitem").allTextContents()).toEqual(["Hello", "<b>bold?</b>"]);
    await send("bye");
    await expect.poll(() => state.textContent()).toBe("closed: 3000 You said bye.");
    await page.getByRole("button", { name: "Connect again" }).click();
    await expect.poll(() => state.textContent()).toBe("connected");
    await send("fail");
    await expect.poll(() => state.textContent()).toBe("closed: 1011 The handler failed.");
  } finally {
    await browser.close();
  }
});
