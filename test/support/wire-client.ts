import type { Position } from "@carillon/protocol";
import { once } from "node:events";
import { WebSocket } from "ws";

/** What a test looks at in an item, of a log or of a state channel. */
export interface WireItem {
  readonly id?: string;
  readonly key?: string;
  readonly version?: number;
  readonly data?: unknown;
}

/** What a test looks at in a message of the server. */
export interface WireMessage {
  readonly re?: number;
  readonly ok?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: string; readonly message: string };
  readonly push?: string;
  readonly channel?: string;
  readonly prev?: Position | null;
  readonly pos?: Position | null;
  readonly from?: Position;
  readonly to?: Position;
  readonly reset?: boolean;
  readonly items?: readonly WireItem[];
}

/**
 * A client of `carillon.1` without comfort, for what the SDK hides: when it reads, what the messages say, how the
 * connection ends. It keeps nothing; whoever wants messages listens.
 */
export class WireClient {
  readonly ws: WebSocket;
  readonly #listeners = new Set<(message: WireMessage) => void>();
  #id = 0;

  private constructor(ws: WebSocket) {
    this.ws = ws;
    ws.on("message", (data: Buffer) => {
      for (const line of data.toString().split("\n")) {
        const message = JSON.parse(line) as WireMessage;
        for (const listener of this.#listeners) listener(message);
      }
    });
  }

  /** Opens a connection; whoever opened it connects. */
  static async open(url: string): Promise<WireClient> {
    const ws = new WebSocket(url, "carillon.1.json", { perMessageDeflate: false });
    await once(ws, "open");
    return new WireClient(ws);
  }

  /** Opens a connection and connects with a ticket. */
  static async connect(url: string, ticket: string): Promise<WireClient> {
    const client = await WireClient.open(url);
    await client.command({ cmd: "connect", ticket });
    return client;
  }

  /** Runs for each message. Returns the removal. */
  on(listener: (message: WireMessage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Sends a command; resolves to what its reply says, rejects with the error's code. */
  command(command: object): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#id;
    const answered = new Promise<Readonly<Record<string, unknown>>>((resolve, reject) => {
      const remove = this.on(({ re, ok, error }) => {
        if (re !== id) return;
        remove();
        if (ok === undefined) reject(new Error(error?.code ?? "A reply without ok and error."));
        else resolve(ok);
      });
    });
    this.ws.send(JSON.stringify({ ...command, id }));
    return answered;
  }

  /** Resolves with the first message that fits. Ask before what brings it. */
  next(fits: (message: WireMessage) => boolean): Promise<WireMessage> {
    return new Promise((resolve) => {
      const remove = this.on((message) => {
        if (!fits(message)) return;
        remove();
        resolve(message);
      });
    });
  }
}
