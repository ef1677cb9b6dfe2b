import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatPage } from "../support/chat-page.ts";
import { ChatSpeaker } from "../support/chat-speaker.ts";
import { needsChromium } from "../support/needs.ts";
import { ServerProcess } from "../support/server-process.ts";

/** What a hostile person might write; beside it what is shown, where that is not the same. */
const HOSTILE: readonly (readonly [written: string, shown?: string])[] = [
  [`<script>document.title="owned"</script>`],
  [`<img src=x onerror="document.title='owned'">`],
  [`<svg><animate onbegin="document.title='owned'" attributeName=x dur=1s>`],
  [`</div></article><style>*{display:none}</style>`],
  [`{{constructor.constructor("document.title='owned'")()}} \${document.title}`],
  [`javascript:document.title="owned"`],
  [`data:text/html,<script>opener.document.title="owned"</script>`],
  [`[x](javascript:document.title='owned')`],
  [`&lt;b&gt; &amp;amp; &#x202e;`],
  ["invoice \u202Egpj.exe", "invoice gpj.exe"],
  ["\u2067abc\u2069 \u202Adef\u202C", "abc def"],
  ["bell \u0007 escape \u001B[31m null \u0000 delete \u007F", "bell ␇ escape ␛[31m null ␀ delete ␡"],
  ["line\u2028separator", "line\nseparator"],
  [`e${"\u0301".repeat(300)} tower`, `e${"\u0301".repeat(6)} tower`],
  ["__proto__"],
  ["constructor toString hasOwnProperty"],
  ["@__proto__ @constructor"],
  ["https://user:password@evil.example/"],
  ["🏴󠁧󠁢󠁥󠁮󠁧󠁿 👩‍👩‍👧‍👦 ❤️‍🔥"],
  ["\uD800 alone", "\uFFFD alone"],
];

/** The longest word that fits. */
const LONG = "w".repeat(55_000);

describe("a room full of hostile input", () => {
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

  for (const width of [360, 1440]) {
    test(`is shown as text and breaks nothing, at ${width} px`, async () => {
      const room = `hostile-${width}`;
      const mallory = new ChatSpeaker(server.url, `<b onclick="alert(1)">\u00A0Mal</b>`);
      const context = await browser.newContext({ viewport: { width, height: 800 } });
      const chat = await ChatPage.open(context, server.url, "Ada", `/r/${room}`);
      const requests: string[] = [];
      chat.page.on("request", (request) => requests.push(request.url()));
      for (const [written] of HOSTILE) await mallory.say(room, written);
      await mallory.say(room, LONG);
      await chat.say("and I am still here");

      await expect.poll(() => chat.count()).toBe(HOSTILE.length + 2);
      expect((await chat.texts()).slice(0, HOSTILE.length)).toEqual(HOSTILE.map(([written, shown = written]) => shown));
      expect(await chat.page.locator(".list").locator("script, img, style, svg animate, iframe, b").count()).toBe(0);
      expect(await chat.page.locator(".list a").count()).toBe(0);
      expect(await chat.page.title()).not.toContain("owned");
      expect(requests.filter((url) => !url.startsWith(server.url))).toEqual([]);

      // Nothing is wider than the window, and the longest word is cut until somebody asks for all of it.
      const overflow = (): Promise<number> =>
        chat.page.evaluate(
          () =>
            Math.max(
              document.documentElement.scrollWidth,
              ...[...document.querySelectorAll(".message, .list")].map((one) => one.scrollWidth),
            ) - innerWidth,
        );
      expect(await overflow()).toBeLessThanOrEqual(0);
      await chat.page.getByRole("button", { name: "Show all of it" }).click();
      await expect
        .poll(async () => (await chat.texts()).find((text) => text.startsWith("www"))?.length)
        .toBe(LONG.length);
      expect(await overflow()).toBeLessThanOrEqual(0);

      expect(chat.problems).toEqual([]);
      mallory.close();
      await context.close();
    });
  }

  test("a word of 100 kB is not sent, and the composer says why", async () => {
    const context = await browser.newContext();
    const chat = await ChatPage.open(context, server.url, "Ada", "/r/long-word");
    await chat.page.fill("#text", "x".repeat(100_000));
    await chat.page.press("#text", "Enter");
    expect(await chat.page.locator(".composer-note").textContent()).toMatch(
      /too long: 100(\.\d)? kB.*58 kB is the most/,
    );
    expect(await chat.count()).toBe(0);
    expect(await chat.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await chat.page.inputValue("#text")).toHaveLength(100_000);
    await chat.page.fill("#text", "x".repeat(50_000));
    await chat.page.press("#text", "Enter");
    await expect.poll(() => chat.marks()).toEqual(["sent"]);
    expect(chat.problems).toEqual([]);
    await context.close();
  });

  test("a strict policy is in force on every page, and a script that gets in all the same does not run", async () => {
    for (const path of ["/", "/r/lobby", "/r/anything"]) {
      const policy = (await fetch(server.url + path)).headers.get("content-security-policy") ?? "";
      expect(policy).toContain("default-src 'none'");
      expect(policy).toContain("script-src 'self'");
      expect(policy).not.toMatch(/unsafe|\*|data:|http/);
    }
    const context = await browser.newContext();
    const chat = await ChatPage.open(context, server.url, "Ada");
    const violations = await chat.page.evaluate(
      () =>
        new Promise<string>((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.violatedDirective));
          const script = document.createElement("script");
          script.append("document.title = 'owned'");
          document.body.append(script);
        }),
    );
    expect(violations).toMatch(/script|trusted/);
    expect(await chat.page.title()).not.toContain("owned");
    // The control: what is refused is reported, so an empty list of problems means that nothing was.
    await expect.poll(() => chat.problems.length).toBeGreaterThan(0);
    await context.close();
  });
});
