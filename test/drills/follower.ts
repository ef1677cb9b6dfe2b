import { WireClient, type WireMessage } from "../support/wire-client.ts";

/** What a follower is told of one channel, in order. Times are of `performance.now()`. */
export type Told =
  | { readonly what: "item"; readonly id: string; readonly at: number }
  | { readonly what: "gap"; readonly from: string; readonly to: string; readonly reason: string; readonly at: number };

/** What a follower knows of one channel. */
export interface Followed {
  /** What was told since it was emptied last. */
  told: Told[];
  /** The place up to which everything was told; null before the first answer. */
  position: string | null;
  /** Pushes that did not start where the one before ended: nobody may send such a thing. */
  breaks: number;
}

/** A connection that follows log channels and keeps all it is told. */
export class Follower {
  readonly name: string;
  readonly channels = new Map<string, Followed>();
  /** Called for each item, with its channel. */
  onItem: (channel: string, id: string) => void = () => {};
  #client: WireClient | null = null;

  constructor(name: string) {
    this.name = name;
  }

  /** Connects, and follows channels: from a position that it has, otherwise from the end. */
  async connect(url: string, ticket: string, channels: readonly string[]): Promise<void> {
    const client = await WireClient.connect(url, ticket);
    client.ws.on("error", () => {});
    this.#client = client;
    client.on((message) => {
      if (this.#client === client) this.#take(client, message);
    });
    await Promise.all(channels.map((channel) => this.subscribe(channel)));
  }

  /** Follows a channel from where it is. Resolves to what the server answers. */
  async subscribe(channel: string): Promise<{ readonly pos: string; readonly live: boolean }> {
    const followed = this.channels.get(channel) ?? { told: [], position: null, breaks: 0 };
    this.channels.set(channel, followed);
    const from = followed.position === null ? {} : { position: followed.position };
    const reply = await this.command({ cmd: "subscribe", channel, ...from });
    return { pos: String(reply["pos"]), live: reply["live"] === true };
  }

  /** What it knows of a channel that it follows or has followed. */
  of(channel: string): Followed {
    const followed = this.channels.get(channel);
    if (followed === undefined) throw new Error(`Expected ${this.name} to follow ${channel}.`);
    return followed;
  }

  /** Sends a command on its connection. */
  command(command: object): Promise<Readonly<Record<string, unknown>>> {
    if (this.#client === null) return Promise.reject(new Error("Expected to be connected."));
    return this.#client.command(command);
  }

  /** Cuts the connection; what it knows stays. */
  cut(): void {
    this.#client?.ws.terminate();
    this.#client = null;
  }

  #begin(channel: string, pos: string): void {
    const followed = this.channels.get(channel);
    if (followed !== undefined) followed.position ??= pos;
  }

  #take(client: WireClient, message: WireMessage & { readonly reason?: string }): void {
    const { ok, push, channel = "", prev, pos, items = [], from = "", to = "", reason = "" } = message;
    // Pushes of the channel may follow in the same frame.
    if (ok !== undefined && "live" in ok) this.#begin(String(ok["channel"]), String(ok["pos"]));
    if (push === "heartbeat") client.ws.send(JSON.stringify({ cmd: "pong" }));
    const followed = this.channels.get(channel);
    if (followed === undefined) return;
    const at = performance.now();
    if (push === "gap") {
      followed.told.push({ what: "gap", from, to, reason, at });
      followed.position = to;
    } else if (push === "items") {
      if (prev !== followed.position) followed.breaks++;
      followed.position = pos ?? null;
      for (const { id = "" } of items) {
        followed.told.push({ what: "item", id, at });
        this.onItem(channel, id);
      }
    }
  }
}
