import type { Socket } from "node:net";
import type { RawData, WebSocket } from "ws";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { Connection, ConnectionEvents, Framing } from "../session/connection.ts";
import { FrameScanner } from "./frame-scanner.ts";
import { WEBSOCKET_FRAMING } from "./frames.ts";
import { SocketProgress } from "./socket-progress.ts";

/** Limits of one connection; the reasons stand at `Limits`. */
export interface WebSocketLimits {
  /** Bytes of one message. */
  readonly messageBytes: number;
  /** Fragments of one message. */
  readonly fragmentsPerMessage: number;
  /** Bytes taken before `opened`. */
  readonly unauthenticatedBytes: number;
  /** Close code for a message that is too large: 1009 (RFC 6455, section 7.4.1) unless a protocol has its own. */
  readonly tooLargeCode: number;
}

/** What an upgraded connection is made of. */
export interface WebSocketParts {
  readonly ws: WebSocket;
  /** The socket that the upgrade handed over. */
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly origin: string | null;
  readonly limits: WebSocketLimits;
  readonly ports: Pick<Ports, "id" | "monotonicMs">;
  readonly logger: Logger;
}

/**
 * Fragments that an unauthenticated peer may leave unfinished, and reads in which it may bring its bytes: each piece
 * costs a few hundred bytes of memory beside its own. A client sends what comes first in one piece.
 */
const UNAUTHENTICATED_PIECES = 64;
/** Pings and pongs a second. Nobody needs them often: the heartbeats of carillon.1 are messages. */
const CONTROL_FRAMES_PER_SECOND = 100;
/** Buffered bytes from which on `drained` must be told. */
const DRAIN_BYTES = 65_536;

/**
 * A WebSocket. `ws` did the handshake, parses what comes in, answers pings and closes. What goes out is written
 * straight to the socket, in whole frames and never after a close frame: `ws` would build a frame per connection
 * where the hub has one for a whole group. The two writers can't mix, since each writes whole frames in one call.
 *
 * Two listeners stand around that of `ws` on the socket's `data`: one scans what `ws` is about to parse, one enforces
 * the limits of an unauthenticated peer on what is left of it, so that what came in order is told in order.
 */
export class WebSocketConnection implements Connection {
  readonly id: string;
  readonly remoteAddress: string;
  readonly origin: string | null;
  readonly framing: Framing = WEBSOCKET_FRAMING;
  readonly #parts: WebSocketParts;
  readonly #ws: WebSocket;
  readonly #socket: Socket;
  readonly #progress: SocketProgress;
  readonly #scanner = new FrameScanner();
  readonly #held: (string | Uint8Array)[] = [];
  #events: ConnectionEvents | null = null;
  #isOpened = false;
  #isPaused = false;
  #isReading = false;
  #isTelling = false;
  #isDrainExpected = false;
  /** Nothing is told any more but `closed`: either end has closed. */
  #isOver = false;
  #closeCode: number | null = null;
  #receivedBytes = 0;
  #reads = 0;
  #messagesOfRead = 0;
  #controlFrames = 0;
  #controlWindowEndMs = 0;

  constructor(parts: WebSocketParts) {
    this.id = parts.ports.id();
    this.remoteAddress = parts.remoteAddress;
    this.origin = parts.origin;
    this.#parts = parts;
    this.#ws = parts.ws;
    this.#socket = parts.socket;
    this.#progress = new SocketProgress(parts.socket);
  }

  /** Begins to tell what happens. Called once, before the socket's next event. */
  serve(events: ConnectionEvents): void {
    this.#events = events;
    const { logger } = this.#parts;
    this.#socket.prependListener("data", (chunk: Buffer) => this.#beforeRead(chunk));
    this.#socket.on("data", () => this.#afterRead());
    this.#socket.on("drain", () => this.#tell(() => events.drained()));
    this.#ws.on("message", (data, isBinary) => this.#received(data, isBinary));
    this.#ws.on("ping", () => this.#receivedControl());
    this.#ws.on("pong", () => this.#receivedControl());
    // The parser closes with the right code by itself, and a broken socket ends in `close`.
    this.#ws.on("error", (error) =>
      logger.debug("The WebSocket failed.", { connection: this.id, reason: error.message }),
    );
    this.#ws.on("close", (code) => this.#closed(code));
  }

  get queuedBytes(): number {
    const { writableLength } = this.#socket;
    // Asked after every write: what is nearly always nothing is looked at first.
    return writableLength === 0 || this.#socket.destroyed ? 0 : writableLength;
  }

  get takenBytes(): number {
    return this.#progress.takenBytes;
  }

  write(frames: Uint8Array): void {
    if (!this.#isWritable) return;
    this.#socket.write(frames);
    this.#expectDrain();
  }

  writeAll(frames: readonly Uint8Array[]): void {
    if (!this.#isWritable) return;
    this.#socket.cork();
    for (const frame of frames) this.#socket.write(frame);
    this.#socket.uncork();
    this.#expectDrain();
  }

  probe(): void {
    if (this.#isWritable) this.#ws.ping();
  }

  opened(): void {
    this.#isOpened = true;
  }

  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    // Within a read the socket is paused at its end: a decision that falls at once then costs nothing.
    if (!this.#isReading && !this.#isOver) this.#ws.pause();
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#tellHeld();
    if (!this.#isPaused && !this.#isOver && this.#ws.isPaused) this.#ws.resume();
  }

  close(code: number, reason: string): void {
    this.#isOver = true;
    this.#held.length = 0;
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#closeCode = isCloseCode(code) ? code : INTERNAL_ERROR;
    this.#ws.close(this.#closeCode, cutReason(reason));
    // The answer to the close frame must be read, or the handshake would last until the cut.
    if (this.#ws.isPaused) this.#ws.resume();
  }

  terminate(): void {
    this.#isOver = true;
    this.#held.length = 0;
    this.#ws.terminate();
  }

  get #isWritable(): boolean {
    return this.#ws.readyState === this.#ws.OPEN && this.#socket.writable;
  }

  /**
   * Node tells `drain` after a write that left its high-water mark or more, 16 or 64 KiB by default. An HTTP server
   * may have been made with a higher one; then an empty write behind the others brings the news.
   */
  #expectDrain(): void {
    const { writableLength, writableHighWaterMark } = this.#socket;
    if (writableHighWaterMark <= DRAIN_BYTES || writableLength < DRAIN_BYTES || this.#isDrainExpected) return;
    this.#isDrainExpected = true;
    this.#socket.write("", () => {
      this.#isDrainExpected = false;
      if (this.#socket.writableLength === 0) this.#tell(() => this.#events?.drained());
      else this.#expectDrain();
    });
  }

  #beforeRead(chunk: Buffer): void {
    this.#isReading = true;
    this.#messagesOfRead = 0;
    this.#receivedBytes += chunk.byteLength;
    this.#reads += 1;
    if (!this.#isOver) this.#scanner.scan(chunk);
  }

  #afterRead(): void {
    this.#isReading = false;
    if (this.#isOver) return;
    if (this.#scanner.isBroken) {
      return this.close(PROTOCOL_ERROR, "Expected the shortest form of a frame's length.");
    }
    if (this.#isPaused) return this.#ws.pause();
    if (!this.#isOpened) this.#checkUnauthenticated();
  }

  #checkUnauthenticated(): void {
    const { unauthenticatedBytes, tooLargeCode } = this.#parts.limits;
    if (this.#receivedBytes > unauthenticatedBytes) {
      this.close(tooLargeCode, `Expected at most ${unauthenticatedBytes} bytes before connect is decided.`);
    } else if (this.#scanner.fragments > UNAUTHENTICATED_PIECES || this.#reads > UNAUTHENTICATED_PIECES) {
      this.close(POLICY_VIOLATION, "Expected connect in fewer pieces.");
    }
  }

  #received(data: RawData, isBinary: boolean): void {
    this.#messagesOfRead += 1;
    if (this.#isOver || !Buffer.isBuffer(data)) return;
    if (this.#scanner.isBroken && this.#messagesOfRead > this.#scanner.messages) return;
    const { unauthenticatedBytes, tooLargeCode } = this.#parts.limits;
    if (!this.#isOpened && !this.#isPaused && data.byteLength > unauthenticatedBytes) {
      return this.close(tooLargeCode, `Expected at most ${unauthenticatedBytes} bytes before connect is decided.`);
    }
    this.#held.push(isBinary ? compact(data) : data.toString("utf8"));
    this.#tellHeld();
  }

  #tellHeld(): void {
    // Telling can pause, resume and so come back here: the loop that runs goes on by itself.
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (!this.#isPaused && !this.#isOver) {
      const payload = this.#held.shift();
      if (payload === undefined) break;
      if (typeof payload === "string") this.#tell(() => this.#events?.text(payload));
      else this.#tell(() => this.#events?.binary(payload));
    }
    this.#isTelling = false;
  }

  #receivedControl(): void {
    const now = this.#parts.ports.monotonicMs();
    if (now >= this.#controlWindowEndMs) {
      this.#controlWindowEndMs = now + 1_000;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    this.#tell(() => this.#events?.alive?.());
    if (this.#controlFrames > CONTROL_FRAMES_PER_SECOND && !this.#isOver) {
      this.close(POLICY_VIOLATION, `Expected at most ${CONTROL_FRAMES_PER_SECOND} pings and pongs a second.`);
    }
  }

  #closed(code: number): void {
    const events = this.#events;
    this.#events = null;
    this.#isOver = true;
    this.#held.length = 0;
    // A peer answers our close with our own code; that is not a leave of its own.
    this.#tell(() => events?.closed(code, code === NORMAL_CLOSURE && this.#closeCode !== NORMAL_CLOSURE));
  }

  /** A fault behind the connection ends this connection, and nothing but it. */
  #tell(event: () => void): void {
    try {
      event();
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      this.#parts.logger.error("Serving a connection failed.", { connection: this.id, reason });
      this.close(INTERNAL_ERROR, "The server failed; its log says how.");
    }
  }
}

const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
/** Most bytes of a close frame's reason (RFC 6455, section 5.5). */
const REASON_BYTES_MAX = 123;

/** True for a code that may stand in a close frame (RFC 6455, section 7.4, and the registry of IANA). */
function isCloseCode(code: number): boolean {
  if (!Number.isInteger(code)) return false;
  const isReserved = code === 1004 || code === 1005 || code === 1006;
  return (code >= 1000 && code <= 1014 && !isReserved) || (code >= 3000 && code <= 4999);
}

/** The reason in at most 123 bytes, cut between characters. */
function cutReason(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.byteLength <= REASON_BYTES_MAX) return reason;
  let end = REASON_BYTES_MAX;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}

/** The bytes in memory of their own if they would keep alive much more than themselves: whoever stores them, stays small. */
function compact(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 2 * bytes.byteLength ? Uint8Array.prototype.slice.call(bytes) : bytes;
}
