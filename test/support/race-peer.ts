import type { Socket } from "node:net";
import { WebSocket } from "ws";

/** How a peer leaves. `half` sends half a frame and then cuts; `vanish` cuts at once, with a reset. */
export type Leaving = "close" | "terminate" | "half" | "vanish";

/** What a peer connects to. */
export interface RaceDoor {
  readonly url: string;
  readonly protocol: string | null;
  /** The first message, once it is there: a connect command with a ticket. Null: no such message. */
  readonly greeting: (() => Promise<string>) | null;
}

/**
 * A client without patience: it never waits for an answer, and leaves at any moment, within the handshake too. What is
 * said before the socket is open is sent at once when it is.
 */
export class RacePeer {
  readonly #door: RaceDoor;
  readonly #onSent: (kind: string) => void;
  readonly #onMessage: (text: string) => void;
  readonly #onClosed: () => void;
  readonly #queue: { readonly kind: string; readonly text: string }[] = [];
  #ws: WebSocket | null = null;
  #socket: Socket | null = null;
  #hasLeft = false;

  constructor(
    door: RaceDoor,
    on: {
      readonly sent: (kind: string) => void;
      readonly message: (text: string) => void;
      readonly closed: () => void;
    },
  ) {
    this.#door = door;
    this.#onSent = on.sent;
    this.#onMessage = on.message;
    this.#onClosed = on.closed;
  }

  /** Comes in. What rejects is a fault of the test's own, such as a ticket that is not issued. */
  async open(): Promise<void> {
    const greeting = await this.#door.greeting?.();
    if (this.#hasLeft) return this.#onClosed();
    const { url, protocol } = this.#door;
    const ws = new WebSocket(url, protocol ?? [], { perMessageDeflate: false });
    this.#ws = ws;
    ws.on("upgrade", (response) => {
      this.#socket = response.socket;
    });
    ws.on("open", () => {
      if (greeting !== undefined) ws.send(greeting);
      for (const { kind, text } of this.#queue.splice(0)) this.#send(ws, kind, text);
    });
    ws.on("message", (data: Buffer) => this.#onMessage(data.toString()));
    // Every error ends in `close`, and to be cut off is what this peer is for.
    ws.on("error", () => {});
    ws.on("close", () => {
      this.#hasLeft = true;
      this.#onClosed();
    });
  }

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  say(kind: string, text: string): void {
    if (this.#hasLeft) return;
    if (this.#ws?.readyState === WebSocket.OPEN) this.#send(this.#ws, kind, text);
    else this.#queue.push({ kind, text });
  }

  leave(how: Leaving): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    const ws = this.#ws;
    if (ws === null) return;
    if (ws.readyState === WebSocket.OPEN) this.#onSent(how);
    if (how === "close") return ws.close(1000);
    if (how === "terminate" || this.#socket === null) return ws.terminate();
    if (how === "vanish") return void this.#socket.resetAndDestroy();
    // A text frame of 100 masked bytes, of which 3 come.
    this.#socket.write(Buffer.from([0x81, 0x80 | 100, 1, 2, 3, 4, 5, 6, 7]));
    this.#socket.end();
    setImmediate(() => ws.terminate());
  }

  #send(ws: WebSocket, kind: string, text: string): void {
    ws.send(text);
    this.#onSent(kind);
  }
}
