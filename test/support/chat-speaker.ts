import { connect, type Client } from "@carillon/client";
import type { ChatContract } from "carillon/chat-contract";
import { WebSocket } from "ws";

/** Publications that wait for their confirmation at most; the SDK takes 1,000. */
const IN_FLIGHT_MAX = 500;

/** Somebody in a room without a browser, who can talk a lot. Whoever makes one closes it. */
export class ChatSpeaker {
  readonly client: Client<ChatContract>;
  readonly #name: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, name: string) {
    this.#name = name;
    this.client = connect<ChatContract>({
      url: `${url}/realtime`,
      WebSocket,
      ticket: async () => {
        const answer = await fetch(`${url}/ticket`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ name }),
        });
        return answer.text();
      },
    });
  }

  /** Says something; resolves to its id when it is stored. */
  async say(room: string, text: string): Promise<string> {
    const { id } = await this.client.channel("chat:{room}", { room }).publish({ text, name: this.#name });
    return id;
  }

  /** Says `count` things, as fast as the server takes them; resolves to their ids. */
  async fill(room: string, count: number, textOf: (index: number) => string): Promise<string[]> {
    const ids: string[] = [];
    while (ids.length < count) {
      const texts = Array.from({ length: Math.min(IN_FLIGHT_MAX, count - ids.length) }, (_, index) =>
        textOf(ids.length + index),
      );
      // The next batch goes when the one before is stored.
      ids.push(...(await Promise.all(texts.map((text) => this.say(room, text)))));
    }
    return ids;
  }

  /** Says so many things a second until it is closed. */
  drip(room: string, perSecond: number, textOf: (index: number) => string): void {
    let said = 0;
    const sinceMs = performance.now();
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - sinceMs) / 1_000) * perSecond);
      for (; said < due; said += 1) void this.say(room, textOf(said)).catch(() => {});
    }, 1_000 / perSecond);
  }

  close(): void {
    clearInterval(this.#timer);
    this.client.disconnect();
  }
}
