import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A frame as it came from the server. */
export interface Frame {
  readonly opcode: number;
  readonly isFinal: boolean;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

/** Settings of {@link clientFrame} that an honest client never touches. */
export interface FrameOptions {
  readonly isFinal?: boolean;
  readonly isMasked?: boolean;
  readonly reserved?: number;
  /** Bytes in which the length is written: 0, 2 or 8; the shortest by default. */
  readonly lengthBytes?: number;
  /** The length that is claimed, whatever follows. */
  readonly claimed?: bigint;
}

/** A frame as a client sends it. */
export function clientFrame(opcode: number, payload: string | Uint8Array, options: FrameOptions = {}): Buffer {
  const bytes = Buffer.from(payload);
  const { isFinal = true, isMasked = true, reserved = 0, claimed = BigInt(bytes.length) } = options;
  const shortest = claimed < 126n ? 0 : claimed < 65_536n ? 2 : 8;
  const { lengthBytes = shortest } = options;
  const mask = Buffer.from([1, 2, 3, 4]);
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = (isFinal ? 0x80 : 0) | reserved | opcode;
  head[1] = (isMasked ? 0x80 : 0) | (lengthBytes === 0 ? Number(claimed) : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(Number(claimed), 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(claimed, 2);
  if (!isMasked) return Buffer.concat([head, bytes]);
  return Buffer.concat([head, mask, bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0))]);
}

/** A close frame with a code. */
export function closeFrame(code: number, reason = ""): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason));
  payload.writeUInt16BE(code);
  payload.write(reason, 2);
  return clientFrame(0x8, payload);
}

/** The code of a close frame, 1005 without one. */
export function codeOf(frame: Frame | undefined): number | undefined {
  if (frame?.opcode !== 0x8) return undefined;
  return frame.payload.length < 2 ? 1005 : frame.payload.readUInt16BE();
}

/** What a well-formed upgrade consists of; headers that are null are left out, those of an array repeated. */
export interface UpgradeOptions {
  readonly line?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
}

/** The bytes of an upgrade request. */
export function upgradeRequest({ line = "GET /realtime HTTP/1.1", headers = {} }: UpgradeOptions = {}): Buffer {
  const all: Record<string, string | readonly string[] | null> = {
    Host: "127.0.0.1",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "carillon.1.json",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    [value ?? []].flat().map((text) => `${name}: ${text}\r\n`),
  );
  return Buffer.from(`${line}\r\n${lines.join("")}\r\n`, "latin1");
}

/** A TCP client without manners: it sends any bytes and keeps all that come back. */
export class RawPeer {
  readonly socket: Socket;
  /** Joined only when somebody looks. */
  #chunks: Buffer[] = [];
  #isOver = false;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#chunks.push(chunk);
      this.#wake();
    });
    socket.on("error", () => this.#end());
    socket.on("end", () => this.#end());
    socket.on("close", () => this.#end());
  }

  static async connect(port: number, host = "127.0.0.1"): Promise<RawPeer> {
    const socket = connect({ port, host, allowHalfOpen: true, noDelay: true });
    await once(socket, "connect");
    return new RawPeer(socket);
  }

  /** Connects and upgrades. */
  static async upgraded(port: number, options: UpgradeOptions = {}): Promise<RawPeer> {
    const peer = await RawPeer.connect(port);
    peer.send(upgradeRequest(options));
    const { status, text } = await peer.response();
    if (status !== 101) throw new Error(`Expected an upgrade, got ${status}: ${text}`);
    return peer;
  }

  get received(): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    const received = this.#chunks.length > 1 ? Buffer.concat(this.#chunks) : first;
    this.#chunks = [received];
    return received;
  }

  send(...pieces: readonly Uint8Array[]): void {
    if (!this.socket.destroyed) this.socket.write(Buffer.concat(pieces));
  }

  /** Sends a piece so that the server reads it apart from the next. */
  async sendApart(piece: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.socket.write(piece, () => resolve());
    });
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** The response to an HTTP request; what follows it stays as frames. */
  async response(): Promise<{ readonly status: number; readonly text: string; readonly headers: string }> {
    await this.until(() => this.received.includes("\r\n\r\n"));
    const end = this.received.indexOf("\r\n\r\n") + 4;
    const headers = this.received.toString("latin1", 0, end);
    const length = Number(/content-length: (\d+)/i.exec(headers)?.[1] ?? 0);
    await this.until(() => this.received.length >= end + length);
    const text = this.received.toString("utf8", end, end + length);
    this.#chunks = [this.received.subarray(end + length)];
    return { status: Number(headers.split(" ")[1]), text, headers };
  }

  /** Takes the next frame; undefined when the connection ended before. */
  async frame(): Promise<Frame | undefined> {
    await this.until(() => this.#take(false) !== undefined || this.#isOver);
    return this.#take(true);
  }

  /** Waits for the end of what the server sends. */
  async ended(): Promise<void> {
    await this.until(() => this.#isOver);
  }

  async until(isMet: () => boolean): Promise<void> {
    while (!isMet()) {
      if (this.#isOver) throw new Error(`The connection ended early, after: ${this.received.toString("latin1")}`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Cuts with a reset. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  #take(mustRemove: boolean): Frame | undefined {
    const bytes = this.received;
    if (bytes.length < 2) return undefined;
    const [first = 0, second = 0] = bytes;
    const code = second & 0x7f;
    const start = code === 126 ? 4 : code === 127 ? 10 : 2;
    if (bytes.length < start) return undefined;
    const length = code === 126 ? bytes.readUInt16BE(2) : code === 127 ? Number(bytes.readBigUInt64BE(2)) : code;
    if (bytes.length < start + length) return undefined;
    if (mustRemove) this.#chunks = [bytes.subarray(start + length)];
    const payload = bytes.subarray(start, start + length);
    return { opcode: first & 0xf, isFinal: (first & 0x80) !== 0, isMasked: (second & 0x80) !== 0, payload };
  }

  #end(): void {
    this.#isOver = true;
    this.#wake();
  }

  #wake(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const resolve of waiting) resolve();
  }
}
