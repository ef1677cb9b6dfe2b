import { MESSAGE_BYTES, messageText } from "../messages.ts";
import { BINARY, HEARTBEAT_BYTES, PING, type Counting, type Reader } from "./reader.ts";

/** Bytes of a message's data in JSON that are not its text: `{"text":""}`. */
export const JSON_BYTES = 11;

/**
 * Reads as a client does, and checks everything: that messages come one after the other from number 0, each of them
 * byte by byte, and with `marks` that each push starts where the one before ended (P1). For a sample of connections.
 */
export class CheckingReader implements Reader {
  items = 0;
  itemBytes = 0;
  replies = 0;
  heartbeats = 0;
  pings = 0;
  readonly #problems: string[] = [];
  readonly #counting: Counting;
  #rest: Buffer = Buffer.alloc(0);
  #position: unknown = null;

  constructor(counting: Counting) {
    this.#counting = counting;
  }

  /** The first things that were wrong since this was last asked. */
  takeProblems(): string[] {
    return this.#problems.splice(0);
  }

  read(bytes: Buffer, length: number): void {
    // A copy, since the caller uses its buffer again.
    this.#rest = Buffer.concat([this.#rest, bytes.subarray(0, length)]);
    let at = 0;
    for (let end = frameEnd(this.#rest, at); end !== null; end = frameEnd(this.#rest, at)) {
      this.#frame(this.#rest.subarray(at, end));
      at = end;
    }
    this.#rest = this.#rest.subarray(at);
  }

  #frame(frame: Buffer): void {
    const code = (frame[1] ?? 0) & 0x7f;
    const payload = frame.subarray(code < 126 ? 2 : code === 126 ? 4 : 10);
    const opcode = (frame[0] ?? 0) & 0x0f;
    if (opcode === PING) {
      this.pings += 1;
      return;
    }
    if (opcode > BINARY) return this.#fail(`a control frame with opcode ${opcode}: ${payload.toString("latin1", 2)}`);
    if (this.#counting === "frames") {
      this.itemBytes += frame.length;
      return this.#item(payload.toString("latin1"), MESSAGE_BYTES);
    }
    if (payload.length === HEARTBEAT_BYTES) this.heartbeats += 1;
    else this.#messages(payload.toString(), frame.length);
  }

  #messages(text: string, frameBytes: number): void {
    for (const line of text.split("\n")) {
      const message: unknown = JSON.parse(line);
      if (!isPush(message)) {
        this.replies += 1;
        const reply: object = { ...(typeof message === "object" ? message : {}) };
        if ("error" in reply) this.#fail(line);
        if ("ok" in reply && isPlaced(reply.ok)) this.#position = reply.ok.pos;
        continue;
      }
      if (message.push !== "items") return this.#fail(line);
      if (message.prev !== this.#position) this.#fail(`a push after ${String(this.#position)}: ${line}`);
      this.#position = message.pos;
      this.itemBytes += frameBytes;
      for (const { data } of message.items) this.#item(data.text, MESSAGE_BYTES - JSON_BYTES);
    }
  }

  #item(text: string, length: number): void {
    const expected = messageText(this.items, length);
    if (text !== expected) this.#fail(`message ${this.items}: expected "${expected}", got "${text}"`);
    this.items += 1;
  }

  #fail(problem: string): void {
    if (this.#problems.length < 3) this.#problems.push(problem.slice(0, 300));
  }
}

interface Push {
  readonly push: string;
  readonly prev: unknown;
  readonly pos: unknown;
  readonly items: readonly { readonly data: { readonly text: string } }[];
}

function isPush(message: unknown): message is Push {
  return typeof message === "object" && message !== null && "push" in message;
}

function isPlaced(ok: unknown): ok is { readonly pos: unknown } {
  return typeof ok === "object" && ok !== null && "pos" in ok;
}

/** Where the frame that starts at `at` ends; null while it is not whole. */
function frameEnd(bytes: Buffer, at: number): number | null {
  if (bytes.length < at + 2) return null;
  const code = (bytes[at + 1] ?? 0) & 0x7f;
  const headBytes = code < 126 ? 2 : code === 126 ? 4 : 10;
  if (bytes.length < at + headBytes) return null;
  const payloadBytes =
    code < 126 ? code : code === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
  const end = at + headBytes + payloadBytes;
  return end <= bytes.length ? end : null;
}
