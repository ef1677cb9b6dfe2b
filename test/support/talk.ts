import type { ChatPage } from "./chat-page.ts";
import { conversationFaults, viewOf, type ConversationView } from "./conversation-view.ts";

/** What is said must have come to everybody within this time, in milliseconds. */
const SETTLED_MS = 20_000;

/** Ada and Bob, each in a browser of its own, and all that they have said. */
export class Talk {
  readonly said = new Map<string, string[]>([
    ["Ada", []],
    ["Bob", []],
  ]);
  readonly #pages: ReadonlyMap<string, ChatPage>;
  #count = 0;

  constructor(ada: ChatPage, bob: ChatPage) {
    this.#pages = new Map([
      ["Ada", ada],
      ["Bob", bob],
    ]);
  }

  get pages(): ChatPage[] {
    return [...this.#pages.values()];
  }

  /** Both say something at once; resolves when their pages show it, stored or not, to what they have said. */
  async say(what: string): Promise<string[]> {
    const saying = [...this.#pages].map(async ([name, page]) => {
      this.#count += 1;
      const text = `${name} ${this.#count}, ${what}`;
      this.said.get(name)?.push(text);
      await page.say(text);
      return text;
    });
    return Promise.all(saying);
  }

  /** Both say something, and both hear it. */
  async exchange(what: string): Promise<void> {
    const texts = await this.say(what);
    const heard = this.pages.map(({ page }) =>
      page.waitForFunction(
        (wanted) => {
          const seen = [...document.querySelectorAll(".message .text")].map((text) => text.textContent);
          return wanted.every((text) => seen.includes(text));
        },
        texts,
        { timeout: SETTLED_MS },
      ),
    );
    await Promise.all(heard);
  }

  /** What both see. */
  views(): Promise<ConversationView[]> {
    return Promise.all([...this.#pages].map(([name, page]) => viewOf(name, page)));
  }

  /** What is wrong when everything has come, or when it is clear that it won't: at the latest after `settledMs`. */
  async faults(settledMs: number = SETTLED_MS): Promise<string[]> {
    const deadlineMs = performance.now() + settledMs;
    for (;;) {
      const views = await this.views();
      const faults = conversationFaults(this.said, views);
      const isLost = views.every(({ gaps }) => gaps.length > 0);
      if (faults.length === 0 || isLost || performance.now() > deadlineMs) return faults;
      await new Promise((resolve) => void setTimeout(resolve, 50));
    }
  }
}

/** Who the server takes a browser's guest for. */
export async function guestOf(chat: ChatPage): Promise<string> {
  const cookies = await chat.page.context().cookies();
  // A server with another key names its cookie otherwise, and leaves that of the one before alone: the newest counts.
  const [guest] = cookies
    .filter(({ name }) => name.startsWith("carillon_guest_"))
    .toSorted((one, other) => other.expires - one.expires);
  return guest?.value.split(".")[0] ?? "";
}
