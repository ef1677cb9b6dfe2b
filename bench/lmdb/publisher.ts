import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** The data of a publish is 100 bytes of JSON: `{"text":"…"}` around the text. */
const TEXT = "x".repeat(89);

const UPGRADE = [
  "GET /realtime HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "Sec-WebSocket-Protocol: carillon.1.json",
  "\r\n",
].join("\r\n");

/** One connection that publishes and reads the answers, with as little of its own as it takes. */
export class Publisher {
  answered = 0;
  failed = 0;
  /** Told of each answer, by the id of the command. */
  onAnswer: (id: number) => void = () => {};
  readonly #socket: Socket;
  readonly #channel: string;
  readonly #name: string = randomBytes(8).toString("base64url");
  #rest: Buffer = Buffer.alloc(0);
  #isUp = false;
  #id = 1;
  #isOpen: () => void = () => {};
  #isIn: () => void = () => {};

  constructor(port: number, channel: string) {
    this.#channel = channel;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("connect", () => this.#socket.write(UPGRADE));
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("error", () => {});
  }

  /** Resolves when the server has let it in. */
  async connect(ticket: string): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#isOpen = resolve;
    });
    const isIn = new Promise<void>((resolve) => {
      this.#isIn = resolve;
    });
    this.#socket.write(frame(JSON.stringify({ cmd: "connect", id: 1, ticket })));
    await isIn;
  }

  /** Sends that many publishes in one write. Returns the id of the last command. */
  send(count: number): number {
    const frames: Buffer[] = [];
    for (let sent = 0; sent < count; sent++) {
      const id = ++this.#id;
      // As random as the ids that clients draw: that is what an index of ids has to live with.
      const publication = `${Math.imul(id, 0x9e3779b1) >>> 0}-${this.#name}`;
      frames.push(
        frame(
          `{"cmd":"publish","id":${id},"channel":"${this.#channel}","publication":"${publication}","data":{"text":"${TEXT}"}}`,
        ),
      );
    }
    this.#socket.write(Buffer.concat(frames));
    return this.#id;
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#isUp) {
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = all;
        return;
      }
      this.#isUp = true;
      this.#isOpen();
      all = all.subarray(end + 4);
    }
    let at = 0;
    while (at + 2 <= all.length) {
      const code = (all[at + 1] ?? 0) & 0x7f;
      const head = code < 126 ? 2 : code === 126 ? 4 : 10;
      if (at + head > all.length) break;
      const length = code < 126 ? code : code === 126 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
      if (at + head + length > all.length) break;
      for (const message of all.toString("latin1", at + head, at + head + length).split("\n")) this.#take(message);
      at += head + length;
    }
    this.#rest = all.subarray(at);
  }

  #take(message: string): void {
    if (message.startsWith('{"push":"heartbeat"')) this.#socket.write(frame('{"cmd":"pong"}'));
    if (!message.startsWith('{"re":')) return;
    const id = Number.parseInt(message.slice(6), 10);
    if (id === 1) return this.#isIn();
    this.answered++;
    if (!message.includes('"pos":')) this.failed++;
    this.onAnswer(id);
  }
}

/** A text frame as a client sends it. Its masking key is zero, which leaves the payload as it is (RFC 6455, 5.3). */
function frame(text: string): Buffer {
  const bytes = Buffer.from(text);
  const isShort = bytes.length < 126;
  const head = Buffer.alloc(isShort ? 6 : 8);
  head[0] = 0x81;
  head[1] = 0x80 | (isShort ? bytes.length : 126);
  if (!isShort) head.writeUInt16BE(bytes.length, 2);
  return Buffer.concat([head, bytes]);
}
