import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { launchBrowser } from "../../test/support/browser.ts";
import { needsChromium } from "../../test/support/needs.ts";
import { Program } from "../../test/support/program.ts";

/** Reconnecting may take some attempts, in milliseconds. */
const BACK_MS = 30_000;

describe("the pages of the wschat example", () => {
  const executablePath = needsChromium();
  let browser: Browser;

  beforeAll(async () => {
    if (executablePath !== "") browser = await launchBrowser(executablePath);
  });
  afterAll(() => browser?.close());

  const startServer = async (port = "0") => {
    const server = new Program({ file: new URL("server.mjs", import.meta.url), env: { PORT: port } });
    const [, url = ""] = await server.until(/The chat is at (http:\/\/localhost:\d+)/);
    return { server, url };
  };
  const open = async (url: string, path: "/" | "/sdk", name: string) => {
    const page = await browser.newPage();
    await page.goto(`${url}${path}?name=${encodeURIComponent(name)}`);
    await expectState(page, `connected as ${name}`);
    return page;
  };
  const expectState = async (page: Page, state: string) => {
    await expect.poll(() => page.locator("#state").textContent(), { timeout: BACK_MS }).toBe(state);
  };
  const say = async (page: Page, text: string) => {
    await page.getByLabel("Message").fill(text);
    await page.getByRole("button", { name: "Send" }).click();
  };
  const heard = (page: Page) => page.getByRole("listitem").allTextContents();

  it("keep the button where it is, and show the last message, however much is said", async () => {
    const { server, url } = await startServer();
    await using _ = server;
    for (const path of ["/", "/sdk"] as const) {
      const page = await open(url, path, "Ada");
      const button = page.getByRole("button", { name: "Send" });
      const before = await button.boundingBox();
      for (let line = 0; line < 40; line += 1) await say(page, `line ${line}`);
      await expect.poll(() => page.getByRole("listitem").last().textContent()).toBe("Ada: line 39");
      expect(await button.boundingBox()).toEqual(before);
      const [item, list] = await Promise.all([
        page.getByRole("listitem").last().boundingBox(),
        page.getByRole("list").boundingBox(),
      ]);
      expect((item?.y ?? 0) + (item?.height ?? 0)).toBeLessThanOrEqual((list?.y ?? 0) + (list?.height ?? 0) + 1);
      await page.close();
    }
  });

  it("show everybody's messages, the sender's too, in one order", async () => {
    const { server, url } = await startServer();
    await using _ = server;
    const ada = await open(url, "/", "Ada");
    await say(ada, "Is anybody here?");
    await expect.poll(() => heard(ada)).toEqual(["Ada: Is anybody here?"]);
    // The SDK page has what was said before it came.
    const bob = await open(url, "/sdk", "Bob");
    await expect.poll(() => heard(bob)).toEqual(["Ada: Is anybody here?"]);
    const eve = await open(url, "/", "Eve");

    const said = ["Ada: Is anybody here?"];
    const pages = { Ada: ada, Bob: bob, Eve: eve };
    // One after the other: the order is known.
    for (let round = 0; round < 4; round += 1) {
      for (const [name, page] of Object.entries(pages)) {
        await say(page, `round ${round}`);
        said.push(`${name}: round ${round}`);
        await expect.poll(() => heard(page)).toHaveLength(said.length - (page === eve ? 1 : 0));
      }
    }
    await expect.poll(() => heard(ada)).toEqual(said);
    await expect.poll(() => heard(bob)).toEqual(said);
    await expect.poll(() => heard(eve)).toEqual(said.slice(1));

    // All at once: whatever the order is, it is the same for all.
    const count = 10;
    const talk = async (page: Page) => {
      for (let index = 0; index < count; index += 1) await say(page, `at once ${index}`);
    };
    await Promise.all([talk(ada), talk(bob), talk(eve)]);
    const total = said.length + 3 * count;
    await expect.poll(() => heard(ada)).toHaveLength(total);
    await expect.poll(() => heard(bob)).toHaveLength(total);
    await expect.poll(() => heard(eve)).toHaveLength(total - 1);
    const seen = await heard(ada);
    expect(await heard(bob)).toEqual(seen);
    expect(await heard(eve)).toEqual(seen.slice(1));
    for (const name of Object.keys(pages)) {
      const own = seen.filter((text) => text.startsWith(`${name}: at once`));
      expect(own).toEqual(Array.from({ length: count }, (_value, index) => `${name}: at once ${index}`));
    }
    for (const page of [ada, bob, eve]) await page.close();
  });

  it("come back when the server dropped them, and what the SDK page said meanwhile lands once", async () => {
    const first = await startServer();
    await using firstServer = first.server;
    const ada = await open(first.url, "/", "Ada");
    const bob = await open(first.url, "/sdk", "Bob");
    await say(ada, "Hello");
    await expect.poll(() => heard(bob)).toEqual(["Ada: Hello"]);

    await firstServer[Symbol.asyncDispose]();
    await expectState(ada, "reconnecting");
    await expectState(bob, "connecting");
    await say(ada, "stays in the field");
    await say(bob, "Said while the server is down");
    const { server, url } = await startServer(new URL(first.url).port);
    await using _ = server;
    expect(url).toBe(first.url);
    await expectState(ada, "connected as Ada");
    await expectState(bob, "connected as Bob");

    await say(ada, "Back again");
    const end = "Ada: Back again";
    await expect.poll(() => heard(ada)).toContain(end);
    // The new server knows nothing of what the old one had: the SDK says so, a plain socket can't.
    await expect.poll(() => heard(bob)).toEqual(expect.arrayContaining(["(some messages are lost)", end]));
    const own = (texts: readonly string[]) => texts.filter((text) => text.startsWith("Bob:"));
    await expect.poll(async () => own(await heard(bob))).toEqual(["Bob: Said while the server is down"]);
    expect((await heard(ada)).filter((text) => text.includes("stays in the field"))).toEqual([]);
    for (const page of [ada, bob]) await page.close();
  });

  it("show text, whatever it looks like, and say why a message was refused", async () => {
    const { server, url } = await startServer();
    await using _ = server;
    const name = "<b>Eve</b>";
    const msg = '<img src=x onerror="window.isHacked = true"><script>window.isHacked = true</script>';
    const eve = await open(url, "/", name);
    const bob = await open(url, "/sdk", "Bob");
    await say(eve, msg);
    await say(bob, "<i>What?</i>");
    for (const page of [eve, bob]) {
      await expect.poll(async () => (await heard(page)).toSorted()).toEqual([`${name}: ${msg}`, "Bob: <i>What?</i>"]);
      expect(await page.locator("#messages li *").count()).toBe(0);
      expect(await page.evaluate(() => "isHacked" in window)).toBe(false);
    }

    const longName = "x".repeat(41);
    const long = await open(url, "/", longName);
    await say(long, "Hello");
    await expect.poll(() => heard(long)).toEqual([expect.stringMatching(/^\(closed: 1007 .*40/)]);
    await expectState(long, `connected as ${longName}`);
    for (const page of [eve, bob, long]) await page.close();
  });
});
