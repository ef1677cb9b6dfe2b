import type { Connection, ConnectionEvents, Framing } from "../session/connection.ts";

/** Settings of a {@link MemoryConnection}. */
export interface MemoryConnectionOptions {
  readonly id: string;
  /** Runs a callback after this tick: how the two ends learn that the connection was closed. */
  readonly endOfTick: (callback: () => void) => void;
  /** Told at the moment when the server end is over, for whatever reason. */
  readonly ended?: (isClean: boolean) => void;
  /** Bytes that the network holds for a reader who does not read. Default: any number. */
  readonly bufferBytes?: number;
  /** Queued bytes right after a write from which on `drained` is owed, and told no earlier. Default 65,536. */
  readonly drainBytes?: number;
  readonly remoteAddress?: string;
  readonly origin?: string | null;
}

/** What the client end reads: a frame's payload, or the end. */
export type Received =
  | { readonly type: "text"; readonly payload: string }
  | { readonly type: "binary"; readonly payload: Uint8Array }
  | { readonly type: "closed"; readonly code: number; readonly reason: string };

type Sent =
  | { readonly type: "text"; readonly payload: string }
  | { readonly type: "binary"; readonly payload: Uint8Array }
  | { readonly type: "leave" };

const TEXT = 1;
const BINARY = 2;
const HEAD_BYTES = 5;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Frames of a byte for the kind, four for the length, and the payload as it is. */
const MEMORY_FRAMING: Framing = {
  text: (payload) => frame(TEXT, encoder.encode(payload)),
  binary: (payload) => frame(BINARY, payload),
};

/**
 * A connection without a network: the server end is a {@link Connection}, the client end the methods below it. Both
 * directions are queues that move only when told: what was sent waits for `deliver`, what was written for `read`. So a
 * test decides what is lost when it cuts.
 *
 * Of what `ConnectionEvents` promises it keeps no more than the letter: `drained` is told when it is owed, and never
 * for a write that was taken at once.
 */
export class MemoryConnection implements Connection {
  readonly id: string;
  readonly remoteAddress: string;
  readonly origin: string | null;
  readonly framing: Framing = MEMORY_FRAMING;
  takenBytes = 0;
  queuedBytes = 0;
  /** The highest that `queuedBytes` ever was. */
  queuedBytesMax = 0;
  readonly #options: MemoryConnectionOptions;
  #bufferBytesMax: number;
  readonly #drainBytes: number;
  #events: ConnectionEvents | null = null;
  #sent: Sent[] = [];
  /** Written, and not yet taken as a whole. */
  #queue: Uint8Array[] = [];
  /** Bytes of the queue's first buffer that were taken. */
  #takenOfFirst = 0;
  /** Taken, and not yet read. */
  #buffered: Uint8Array[] = [];
  #bufferedBytes = 0;
  #isPaused = false;
  #isDelivering = false;
  #owesDrained = false;
  #closing: { readonly code: number; readonly reason: string } | null = null;
  #isServerDone = false;
  #isClientDone = false;
  #hasVanished = false;

  constructor(options: MemoryConnectionOptions) {
    this.#options = options;
    this.id = options.id;
    this.remoteAddress = options.remoteAddress ?? "192.0.2.1";
    this.origin = options.origin ?? null;
    this.#bufferBytesMax = options.bufferBytes ?? Infinity;
    this.#drainBytes = options.drainBytes ?? 65_536;
  }

  /** Begins to tell what happens. */
  serve(events: ConnectionEvents): void {
    this.#events = events;
  }

  // The server end.

  probe(): void {
    // A peer in memory is there as long as it is not cut.
    this.#events?.alive?.();
  }

  opened(): void {
    // A test has no strangers to bound.
  }

  write(frames: Uint8Array): void {
    this.writeAll([frames]);
  }

  writeAll(frames: readonly Uint8Array[]): void {
    if (this.#isServerDone) return;
    for (const buffer of frames) {
      this.#queue.push(buffer);
      this.queuedBytes += buffer.byteLength;
    }
    this.#take();
    this.queuedBytesMax = Math.max(this.queuedBytesMax, this.queuedBytes);
    if (this.queuedBytes >= this.#drainBytes) this.#owesDrained = true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  leaveUnread(): void {
    // A hint. When things arrive is decided by the test.
  }

  readOn(): void {
    // As above.
  }

  resume(): void {
    this.#isPaused = false;
    this.deliver();
  }

  close(code: number, reason: string): void {
    if (this.#isServerDone) return;
    this.#end(false);
    this.#closing = { code, reason };
    this.#options.endOfTick(() => this.#tellClosed(code, false));
  }

  terminate(): void {
    if (this.#isServerDone) return;
    this.#end(false);
    this.#loseAll();
    this.#closing = { code: 1006, reason: "" };
    this.#options.endOfTick(() => this.#tellClosed(1006, false));
  }

  // The client end.

  /** True once the client end can neither send nor read. */
  get isOver(): boolean {
    return this.#isClientDone;
  }

  /** True once the server end was told, or has itself decided, that the connection is gone. */
  get isServerDone(): boolean {
    return this.#isServerDone;
  }

  /** True while frames wait for `deliver`, and the server reads. */
  get hasSent(): boolean {
    return this.#sent.length > 0 && !this.#isPaused && !this.#isServerDone;
  }

  /** True while something waits for `read`. */
  get hasReceived(): boolean {
    return !this.#isClientDone && (this.#bufferedBytes > 0 || this.#closing !== null);
  }

  /** Sends a frame; it waits for `deliver`. */
  send(payload: string | Uint8Array): void {
    if (this.#isClientDone) return;
    this.#sent.push(typeof payload === "string" ? { type: "text", payload } : { type: "binary", payload });
  }

  /** Closes with code 1000, behind what was sent. The client end reads no more. */
  leave(): void {
    if (this.#isClientDone) return;
    this.#sent.push({ type: "leave" });
    this.#isClientDone = true;
    // Whoever leaves discards what still comes, so the server is not held up by it.
    this.#bufferBytesMax = Infinity;
    this.#drain();
  }

  /** What was sent reaches the server, unless it has stopped reading. */
  deliver(): void {
    if (this.#isDelivering) return;
    this.#isDelivering = true;
    while (!this.#isPaused && !this.#isServerDone) {
      const sent = this.#sent.shift();
      if (sent === undefined) break;
      if (sent.type === "text") this.#events?.text(sent.payload);
      else if (sent.type === "binary") this.#events?.binary(sent.payload);
      else {
        this.#end(true);
        this.#tellClosed(1000, true);
      }
    }
    this.#isDelivering = false;
  }

  /** Everything that is there to read. The room this makes is filled from the queue, and read as well. */
  read(): Received[] {
    if (this.#isClientDone) return [];
    const received = split(this.#drain());
    if (this.#closing !== null) {
      received.push({ type: "closed", ...this.#closing });
      this.#isClientDone = true;
    }
    return received;
  }

  /** Breaks the connection: what is under way in either direction is lost, and both ends know. */
  cut(): void {
    this.vanish();
    if (this.#isServerDone) return;
    this.#end(false);
    this.#tellClosed(1006, false);
  }

  /** The client end is gone, and the server is not told: it finds out, or its writes pile up. */
  vanish(): void {
    this.#isClientDone = true;
    this.#hasVanished = true;
    this.#sent = [];
  }

  #take(): void {
    while (this.#bufferedBytes < this.#bufferBytesMax) {
      const [first] = this.#queue;
      if (first === undefined) return;
      const part = Math.min(first.byteLength - this.#takenOfFirst, this.#bufferBytesMax - this.#bufferedBytes);
      this.#buffered.push(first.subarray(this.#takenOfFirst, this.#takenOfFirst + part));
      this.#bufferedBytes += part;
      this.takenBytes += part;
      this.#takenOfFirst += part;
      if (this.#takenOfFirst < first.byteLength) return;
      this.#takenOfFirst = 0;
      this.#queue.shift();
      this.queuedBytes -= first.byteLength;
    }
  }

  /** Reads until nothing is left; tells `drained` where that is owed, which may bring more. */
  #drain(): Uint8Array {
    const parts: Uint8Array[] = [];
    while (this.#bufferedBytes > 0 && !this.#hasVanished) {
      parts.push(...this.#buffered);
      this.#buffered = [];
      this.#bufferedBytes = 0;
      this.#take();
      if (this.queuedBytes > 0 || !this.#owesDrained) continue;
      this.#owesDrained = false;
      if (!this.#isServerDone) this.#events?.drained();
    }
    return join(parts);
  }

  #loseAll(): void {
    this.#queue = [];
    this.queuedBytes = 0;
    this.#buffered = [];
    this.#bufferedBytes = 0;
  }

  #end(isClean: boolean): void {
    this.#isServerDone = true;
    this.#options.ended?.(isClean);
  }

  #tellClosed(code: number, isClean: boolean): void {
    const events = this.#events;
    this.#events = null;
    if (this.#hasVanished || isClean) this.#loseAll();
    events?.closed(code, isClean);
  }
}

function frame(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + payload.byteLength);
  bytes[0] = kind;
  new DataView(bytes.buffer).setUint32(1, payload.byteLength);
  bytes.set(payload, HEAD_BYTES);
  return bytes;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.byteLength;
  }
  return bytes;
}

function split(bytes: Uint8Array): Received[] {
  const received: Received[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < bytes.byteLength;) {
    const end = offset + HEAD_BYTES + view.getUint32(offset + 1);
    if (end > bytes.byteLength) throw new Error("Expected whole frames, got a part of one.");
    const payload = bytes.subarray(offset + HEAD_BYTES, end);
    if (bytes[offset] === TEXT) received.push({ type: "text", payload: decoder.decode(payload) });
    else received.push({ type: "binary", payload });
    offset = end;
  }
  return received;
}
