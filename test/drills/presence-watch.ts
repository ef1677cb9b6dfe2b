import { WireClient, type WireMessage } from "../support/wire-client.ts";

/** Something that members did, as it was told. Times are of `Date.now()`. */
export interface PresenceChange {
  readonly user: string;
  readonly what: "join" | "leave";
  readonly at: number;
}

/** What this file reads of an item beside what a test looks at. */
interface PresenceItem {
  readonly key?: string;
  readonly removed?: boolean;
  readonly owner?: { readonly user: string };
}

/** Who is in a channel, as a connection that watches is told, bare of any SDK. */
export class PresenceWatch {
  /** Users by instance. */
  readonly members = new Map<string, string>();
  readonly changes: PresenceChange[] = [];
  /** Times that a whole new list was sent. */
  resets = 0;
  readonly #client: WireClient;

  private constructor(client: WireClient) {
    this.#client = client;
  }

  static async open(url: string, ticket: string, channel: string): Promise<PresenceWatch> {
    const client = await WireClient.connect(url, ticket);
    client.ws.on("error", () => {});
    const watch = new PresenceWatch(client);
    client.on((message) => watch.#take(message));
    await client.command({ cmd: "subscribe", channel: `@presence:${channel}` });
    return watch;
  }

  /** Users who are there. */
  get users(): Set<string> {
    return new Set(this.members.values());
  }

  close(): void {
    this.#client.ws.terminate();
  }

  #take({ push, channel = "", items = [], reset = false }: WireMessage): void {
    if (push === "heartbeat") this.#client.ws.send(JSON.stringify({ cmd: "pong" }));
    if (push !== "items" || !channel.startsWith("@presence:")) return;
    if (reset) {
      this.resets++;
      this.members.clear();
    }
    const at = Date.now();
    for (const { key = "", removed, owner } of items as readonly PresenceItem[]) {
      const before = this.members.get(key);
      if (removed === true) {
        this.members.delete(key);
        if (before !== undefined) this.changes.push({ user: before, what: "leave", at });
      } else {
        this.members.set(key, owner?.user ?? "");
        if (before === undefined) this.changes.push({ user: owner?.user ?? "", what: "join", at });
      }
    }
  }
}
