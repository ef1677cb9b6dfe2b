import type { Socket } from "node:net";
import type { RawData } from "ws";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { Connection, ConnectionEvents, Framing } from "../session/connection.ts";
import { cutReason, isCloseCode } from "./close-frame.ts";
import { DEFLATING_FRAMING } from "./deflate.ts";
import { FrameScanner, isWholeMessage } from "./frame-scanner.ts";
import { WEBSOCKET_FRAMING } from "./frames.ts";
import { Message, MessageFault } from "./message.ts";
import type { ServedWebSocket, WebSocketEvents } from "./served-web-socket.ts";
import { bytesTaken } from "./socket-progress.ts";
import { startReading, stopReading } from "./socket-reading.ts";

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

/** What all connections of a route share. */
export interface WebSocketSurroundings {
  readonly limits: WebSocketLimits;
  readonly ports: Pick<Ports, "id" | "monotonicMs">;
  readonly logger: Logger;
  /** Called once for each connection, when it has closed. */
  readonly closed: (connection: WebSocketConnection) => void;
}

/** What an upgraded connection is made of. */
export interface WebSocketParts {
  readonly ws: ServedWebSocket;
  /** The socket that the upgrade handed over. */
  readonly socket: Socket;
  readonly remoteAddress: string;
  readonly origin: string | null;
  readonly surroundings: WebSocketSurroundings;
  /** The peers agreed to compression, and `ws` does not know of it; see {@link DEFLATING_FRAMING}. */
  readonly isDeflating: boolean;
}

/**
 * Fragments that an unauthenticated peer may leave unfinished, and reads in which it may bring its bytes: each piece
 * costs a few hundred bytes of memory beside its own. A client sends what comes first in one piece.
 */
const UNAUTHENTICATED_PIECES = 64;
/** Pings and pongs a second. Nobody needs them often: the heartbeats of carillon.1 are messages. */
const CONTROL_FRAMES_PER_SECOND = 100;
/**
 * Bytes up to which frames that go out together are joined: to copy that much costs less than to gather, for which the
 * stream keeps a record of each frame and the system is handed a list.
 */
const JOINED_BYTES_MAX = 8_192;
/** Buffered bytes from which on `drained` must be told. */
const DRAIN_BYTES = 65_536;

/**
 * A WebSocket. `ws` did the handshake, parses what comes in, answers pings and closes. What goes out is written
 * straight to the socket, in whole frames and never after a close frame: `ws` would build a frame per connection
 * where the hub has one for a whole group. The two writers can't mix, since each writes whole frames in one call.
 *
 * One listener on the socket's `data` takes the place of that of `ws` and calls it: before it, what `ws` is about to
 * parse is scanned; behind it, the limits of an unauthenticated peer are enforced on what is left, so that what came in
 * order is told in order. All sockets share the listeners, and find their connection by a property: with functions of
 * its own, and three listeners in a list, a connection would be larger by a quarter.
 */
export class WebSocketConnection implements Connection, WebSocketEvents {
  readonly remoteAddress: string;
  readonly origin: string | null;
  readonly framing: Framing;
  readonly #surroundings: WebSocketSurroundings;
  readonly #ws: ServedWebSocket;
  readonly #socket: ServedSocket;
  /** The listener of `ws`. */
  readonly #parse: DataListener;
  /** Null while each read has brought one whole message, and what it is for can't be: most connections never have it. */
  #scanner: FrameScanner | null;
  /** Messages that came while reading was paused; null while there are none. */
  #held: Message[] | null = null;
  #id: string | null = null;
  #events: ConnectionEvents | null = null;
  #isOpened = false;
  #isPaused = false;
  /** Reading is put off. */
  #isUnread = false;
  #isReading = false;
  #isTelling = false;
  #isDrainExpected = false;
  /** Nothing is told any more but `closed`: either end has closed. */
  #isOver = false;
  #closeCode: number | null = null;
  #takenBytes = 0;
  #receivedBytes = 0;
  #reads = 0;
  #messagesOfRead = 0;
  #controlFrames = 0;
  #controlWindowEndMs = 0;

  constructor({ ws, socket, remoteAddress, origin, surroundings, isDeflating }: WebSocketParts) {
    this.framing = isDeflating ? DEFLATING_FRAMING : WEBSOCKET_FRAMING;
    this.#scanner = isDeflating ? new FrameScanner(true) : null;
    this.remoteAddress = remoteAddress;
    this.origin = origin;
    this.#surroundings = surroundings;
    this.#ws = ws;
    this.#parse = parserOf(socket);
    this.#socket = Object.assign(socket, { [CONNECTION]: this });
    ws.events = this;
  }

  /** Begins to tell what happens. Called once, before the socket's next event. */
  serve(events: ConnectionEvents): void {
    this.#events = events;
    this.#socket.off("data", this.#parse);
    this.#socket.on("data", onData);
    this.#socket.on("drain", onDrain);
  }

  /** Drawn when it is first asked for: few ask. */
  get id(): string {
    this.#id ??= this.#surroundings.ports.id();
    return this.#id;
  }

  get queuedBytes(): number {
    const { writableLength } = this.#socket;
    // Asked after every write: what is nearly always nothing is looked at first.
    return writableLength === 0 || this.#socket.destroyed ? 0 : writableLength;
  }

  get takenBytes(): number {
    this.#takenBytes = Math.max(this.#takenBytes, bytesTaken(this.#socket));
    return this.#takenBytes;
  }

  write(frames: Uint8Array): void {
    if (!this.#isWritable) return;
    this.#socket.write(frames);
    this.#expectDrain();
  }

  writeAll(frames: readonly Uint8Array[]): void {
    const bytes = frames.reduce((sum, frame) => sum + frame.byteLength, 0);
    if (bytes <= JOINED_BYTES_MAX) return this.write(Buffer.concat(frames, bytes));
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

  leaveUnread(): void {
    if (!this.#isOver && stopReading(this.#socket)) this.#isUnread = true;
  }

  readOn(): void {
    if (!this.#isUnread) return;
    this.#isUnread = false;
    startReading(this.#socket);
  }

  close(code: number, reason: string): void {
    this.#isOver = true;
    this.#held = null;
    if (this.#ws.readyState !== this.#ws.OPEN) return;
    this.#closeCode = isCloseCode(code) ? code : INTERNAL_ERROR;
    this.#ws.close(this.#closeCode, cutReason(reason));
    // The answer to the close frame must be read, or the handshake would last until the cut.
    this.readOn();
    if (this.#ws.isPaused) this.#ws.resume();
  }

  terminate(): void {
    this.#isOver = true;
    this.#held = null;
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
      if (this.#socket.writableLength === 0) this.drained();
      else this.#expectDrain();
    });
  }

  /** The socket has taken what was written. */
  drained(): void {
    try {
      this.#events?.drained();
    } catch (error) {
      this.#faulted(error);
    }
  }

  /** The socket has read so much. */
  read(chunk: Buffer): void {
    this.#isReading = true;
    this.#messagesOfRead = 0;
    this.#receivedBytes += chunk.byteLength;
    this.#reads += 1;
    if (this.#scanner !== null || !isWholeMessage(chunk)) {
      this.#scanner ??= new FrameScanner();
      this.#scanner.scan(chunk);
    }
    this.#parse.call(this.#socket, chunk);
    this.#afterRead();
  }

  #afterRead(): void {
    this.#isReading = false;
    if (this.#isOver) return;
    if (this.#scanner?.isBroken === true) {
      return this.close(PROTOCOL_ERROR, "Expected the shortest form of a frame's length.");
    }
    if (this.#isPaused) return this.#ws.pause();
    if (!this.#isOpened) this.#checkUnauthenticated();
  }

  #checkUnauthenticated(): void {
    const { unauthenticatedBytes, tooLargeCode } = this.#surroundings.limits;
    if (this.#receivedBytes > unauthenticatedBytes) {
      this.close(tooLargeCode, `Expected at most ${unauthenticatedBytes} bytes before connect is decided.`);
    } else if ((this.#scanner?.fragments ?? 0) > UNAUTHENTICATED_PIECES || this.#reads > UNAUTHENTICATED_PIECES) {
      this.close(POLICY_VIOLATION, "Expected connect in fewer pieces.");
    }
  }

  received(data: RawData, isBinary: boolean): void {
    this.#messagesOfRead += 1;
    if (this.#isOver || !Buffer.isBuffer(data)) return;
    const scanner = this.#scanner;
    if (scanner?.isBroken === true && this.#messagesOfRead > scanner.messages) return;
    const { unauthenticatedBytes, tooLargeCode } = this.#surroundings.limits;
    if (!this.#isOpened && !this.#isPaused && data.byteLength > unauthenticatedBytes) {
      return this.close(tooLargeCode, `Expected at most ${unauthenticatedBytes} bytes before connect is decided.`);
    }
    const isDeflated = scanner?.compressed?.has(this.#messagesOfRead - 1) === true;
    // The parser has checked a text, unless it may be compressed.
    const isChecked = this.framing === WEBSOCKET_FRAMING;
    const message = new Message(data, isBinary, isDeflated, isChecked);
    if (this.#held === null && !this.#isPaused && !this.#isTelling) return this.#tellMessage(message);
    this.#held ??= [];
    this.#held.push(message);
    this.#tellHeld();
  }

  #tellHeld(): void {
    // Telling can pause, resume and so come back here: the loop that runs goes on by itself.
    if (this.#isTelling) return;
    while (this.#held !== null && !this.#isPaused && !this.#isOver) {
      const message = this.#held.shift();
      if (message === undefined) break;
      this.#tellMessage(message);
    }
    if (this.#held?.length === 0) this.#held = null;
  }

  #tellMessage(message: Message): void {
    const { limits } = this.#surroundings;
    // Only what is told is inflated: a read may bring thousands of messages, each a thousand times its size.
    const content = message.content(this.#isOpened ? limits.messageBytes : limits.unauthenticatedBytes);
    if (content instanceof MessageFault) {
      return this.close(content.isTooLarge ? limits.tooLargeCode : INVALID_PAYLOAD, content.reason);
    }
    this.#isTelling = true;
    try {
      if (typeof content === "string") this.#events?.text(content);
      else this.#events?.binary(content);
    } catch (error) {
      this.#faulted(error);
    }
    this.#isTelling = false;
  }

  receivedControl(): void {
    const now = this.#surroundings.ports.monotonicMs();
    if (now >= this.#controlWindowEndMs) {
      this.#controlWindowEndMs = now + 1_000;
      this.#controlFrames = 0;
    }
    this.#controlFrames += 1;
    try {
      this.#events?.alive?.();
    } catch (error) {
      this.#faulted(error);
    }
    if (this.#controlFrames > CONTROL_FRAMES_PER_SECOND && !this.#isOver) {
      this.close(POLICY_VIOLATION, `Expected at most ${CONTROL_FRAMES_PER_SECOND} pings and pongs a second.`);
    }
  }

  failed(error: Error): void {
    // The parser closes with the right code by itself, and a broken socket ends in `closedBy`.
    this.#surroundings.logger.debug("The WebSocket failed.", { connection: this.id, reason: error.message });
  }

  closedBy(code: number): void {
    const events = this.#events;
    this.#events = null;
    this.#isOver = true;
    this.#held = null;
    // A peer answers our close with our own code; that is not a leave of its own.
    try {
      events?.closed(code, code === NORMAL_CLOSURE && this.#closeCode !== NORMAL_CLOSURE);
    } catch (error) {
      this.#faulted(error);
    }
    this.#surroundings.closed(this);
  }

  /** A fault behind the connection ends this connection, and nothing but it. */
  #faulted(error: unknown): void {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#surroundings.logger.error("Serving a connection failed.", { connection: this.id, reason });
    this.close(INTERNAL_ERROR, "The server failed; its log says how.");
  }
}

const CONNECTION: unique symbol = Symbol("carillon.connection");

/** A socket whose connection is found by the listeners that all sockets share. */
interface ServedSocket extends Socket {
  [CONNECTION]: WebSocketConnection;
}

function onData(this: ServedSocket, chunk: Buffer): void {
  this[CONNECTION].read(chunk);
}

function onDrain(this: ServedSocket): void {
  this[CONNECTION].drained();
}

/** The listener that `ws` has just put on a socket; whoever else listens came before. */
function parserOf(socket: Socket): DataListener {
  const parser = socket.listeners("data").at(-1);
  if (parser === undefined)
    throw new Error("Expected ws to listen on the socket; is it the version that is asked for?");
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- It listens on `data`.
  return parser as DataListener;
}

type DataListener = (this: Socket, chunk: Buffer) => void;

const NORMAL_CLOSURE = 1000;
const PROTOCOL_ERROR = 1002;
const INVALID_PAYLOAD = 1007;
const POLICY_VIOLATION = 1008;
const INTERNAL_ERROR = 1011;
