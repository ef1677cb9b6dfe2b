import { connect, type Socket } from "node:net";
import { clientFrame, upgradeRequest } from "./frames.ts";
import type { Reader } from "./reader.ts";

/** How to come in. */
export interface PeerOptions {
  readonly port: number;
  readonly path: string;
  readonly protocol: string | null;
  /** Sent when the upgrade is through, as text messages, without waiting in between. */
  readonly greeting: readonly string[];
  readonly reader: Reader;
  /** Runs after each read from the socket. */
  readonly onRead: () => void;
}

const HEAD_END = Buffer.from("\r\n\r\n");
const PONG_MESSAGE = clientFrame(0x1, '{"cmd":"pong"}');
const PONG_FRAME = clientFrame(0xa, "");
/** One buffer for all sockets: what is read into it is dealt with before the next is read. */
const SHARED = Buffer.allocUnsafeSlow(65_536);

/** One connection of the load generator: a bare socket, so that hardly anything of what it costs is JavaScript. */
export class Peer {
  readonly reader: Reader;
  readonly #socket: Socket;
  readonly #options: PeerOptions;
  #head: Buffer | null = Buffer.alloc(0);
  #repliesWanted = 0;
  #onReady: (() => void) | null = null;

  constructor(options: PeerOptions) {
    this.#options = options;
    this.reader = options.reader;
    this.#socket = connect({
      port: options.port,
      host: "127.0.0.1",
      noDelay: true,
      onread: { buffer: SHARED, callback: (count) => this.#read(count) },
    });
    this.#socket.on("connect", () => this.#socket.write(upgradeRequest(options.path, options.protocol)));
  }

  /** Resolves once the upgrade is through and the greeting is answered; rejects when the connection fails before. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onReady = resolve;
      this.#socket.on("error", reject);
      this.#socket.on("close", () => reject(new Error(`The server closed ${this.#options.path}.`)));
    });
  }

  write(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(length: number): boolean {
    if (this.#head === null) this.reader.read(SHARED, length);
    else this.#readHead(this.#head, SHARED.subarray(0, length));
    if (this.reader.heartbeats > 0) this.#socket.write(PONG_MESSAGE);
    if (this.reader.pings > 0) this.#socket.write(PONG_FRAME);
    this.reader.heartbeats = 0;
    this.reader.pings = 0;
    if (this.#onReady !== null && this.#head === null && this.reader.replies >= this.#repliesWanted) {
      this.#onReady();
      this.#onReady = null;
    }
    this.#options.onRead();
    return true;
  }

  #readHead(before: Buffer, bytes: Buffer): void {
    const all = Buffer.concat([before, bytes]);
    this.#head = all;
    const end = all.indexOf(HEAD_END);
    if (end === -1) return;
    const head = all.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 101 ")) this.#socket.destroy(new Error(`Expected an upgrade, got: ${head}`));
    const rest = all.subarray(end + HEAD_END.length);
    this.#head = null;
    const { greeting } = this.#options;
    this.#repliesWanted = greeting.length;
    for (const text of greeting) this.#socket.write(clientFrame(0x1, text));
    this.reader.read(rest, rest.length);
  }
}
