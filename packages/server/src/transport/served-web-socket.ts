import { WebSocket, type RawData } from "ws";

/** What a {@link ServedWebSocket} tells. Once each for what came; `closedBy` is the last. */
export interface WebSocketEvents {
  /** A whole message. */
  received(data: RawData, isBinary: boolean): void;
  /** A ping or a pong. */
  receivedControl(): void;
  /** The peer broke the protocol, or the socket broke; `closedBy` follows. */
  failed(error: Error): void;
  /** Both ends have closed, or the socket is gone. */
  closedBy(code: number): void;
}

/**
 * The WebSocket of `ws`, which tells one object what happens instead of calling listeners. Five listeners would cost
 * each connection a kilobyte: a function for each, and a hash table to find them in.
 *
 * `ws` closes with 1009 what is too large; a protocol with its own code for that says it instead.
 */
export class ServedWebSocket extends WebSocket {
  events: WebSocketEvents | null = null;
  /** Close code for a message that is too large. */
  tooLargeCode: number = TOO_LARGE;

  /** No event of `ws` has more than two values; without a list of them, none is made for each message. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    if (this.events === null) return super.emit(event, first, second);
    /* oxlint-disable typescript/no-unsafe-type-assertion -- The values are those that `ws` documents for its events. */
    if (event === "message") this.events.received(first as RawData, second as boolean);
    else if (event === "ping" || event === "pong") this.events.receivedControl();
    else if (event === "error") this.events.failed(first as Error);
    else if (event === "close") this.events.closedBy(first as number);
    else return super.emit(event, first, second);
    /* oxlint-enable typescript/no-unsafe-type-assertion */
    return true;
  }

  override close(code?: number, reason?: string | Buffer): void {
    // With a reason it is the echo of the peer's own close frame.
    super.close(code === TOO_LARGE && reason === undefined ? this.tooLargeCode : code, reason);
  }
}

const TOO_LARGE = 1009;
