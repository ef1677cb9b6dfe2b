import type { BrowserContext, Page } from "playwright-core";

/** The chat page in a browser, in the words of who uses it. */
export class ChatPage {
  readonly page: Page;
  /** What the page's own code threw, and what its content policy refused. */
  readonly problems: string[] = [];

  private constructor(page: Page) {
    this.page = page;
    page.on("pageerror", (error) => this.problems.push(String(error)));
    page.on("console", (message) => {
      if (message.text().includes("Content Security Policy")) this.problems.push(message.text());
    });
  }

  /** Opens the page under a name, in the lobby or another room, and resolves when it is connected. */
  static async open(context: BrowserContext, url: string, name: string, path = "/"): Promise<ChatPage> {
    const chat = new ChatPage(await context.newPage());
    // Not every violation is told on the console by itself: one of Trusted Types is an exception of the script.
    await chat.page.addInitScript(() => {
      document.addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) => {
        console.error(`Content Security Policy: ${violatedDirective} ${blockedURI} ${sourceFile}`);
      });
    });
    await chat.page.goto(`${url}${path}?name=${encodeURIComponent(name)}`);
    await chat.waitForState("connected");
    return chat;
  }

  /** The state of the connection, as the page tells it. */
  async state(): Promise<string> {
    return (await this.page.getAttribute("#status", "data-state")) ?? "";
  }

  /** Waits for a state. */
  async waitForState(state: string, timeoutMs = 30_000): Promise<void> {
    await this.page.waitForSelector(`#status[data-state="${state}"]`, { timeout: timeoutMs });
  }

  /** Writes a message and sends it; resolves when the page shows it, sent or not. */
  async say(text: string): Promise<void> {
    const before = await this.page.locator(".message[data-own]").count();
    await this.page.fill("#text", text);
    await this.page.press("#text", "Enter");
    // The page shows what is new with its next frame.
    await this.page.waitForFunction((count) => document.querySelectorAll(".message[data-own]").length > count, before);
  }

  /** The texts of the messages, from the top. */
  texts(): Promise<string[]> {
    return this.page.$$eval(".message .text", (found) => found.map((text) => text.textContent ?? ""));
  }

  /** How many messages there are. */
  count(): Promise<number> {
    return this.page.locator(".message").count();
  }

  /** The marks of the own messages: `sending`, `sent` or `failed`. */
  marks(): Promise<string[]> {
    return this.page.$$eval(".message[data-own]", (found) => found.map((row) => row.getAttribute("data-status") ?? ""));
  }

  /** The names of who is here. */
  people(): Promise<string[]> {
    return this.page.$$eval("#people .name", (found) => found.map((name) => name.textContent ?? ""));
  }

  /**
   * Counts, from now on, how often somebody is missing from the list of people. The result reads the count, and when the
   * person was first missed, in milliseconds since 1970.
   */
  async watchFor(name: string): Promise<() => Promise<{ times: number; atMs: number | null }>> {
    const watch = await this.page.evaluateHandle((watched) => {
      const seen: { times: number; atMs: number | null } = { times: 0, atMs: null };
      let isHere = true;
      const look = (): void => {
        const names = [...document.querySelectorAll("#people .name")].map((found) => found.textContent);
        const wasHere = isHere;
        isHere = names.includes(watched);
        if (!wasHere || isHere) return;
        seen.times += 1;
        seen.atMs ??= Date.now();
      };
      const list = document.querySelector("#people");
      if (list !== null)
        new MutationObserver(look).observe(list, { childList: true, subtree: true, characterData: true });
      look();
      return seen;
    }, name);
    return () => watch.jsonValue();
  }
}
