import { CarillonError, decodeBinary, decodeText, encodeRecord, type ErrorCode } from "@carillon/protocol";
import { isFields, isText, type Fields } from "./fields.ts";
import { byteLength, type Payload } from "./payload.ts";
import type { ClientPorts, Socket } from "./ports.ts";

/** Most messages in one frame that are read. A frame of such a size is no frame of a Carillon server. */
const FRAME_MESSAGES_MAX = 100_000;
/** Commands are joined to frames of so many bytes at most, at three a character, and so to fewer than 200: the shortest has 21 characters. */
const JOINED_BYTES = 12_000;

/** What a command gets: the `ok` of its reply, the error of its reply, or null when the link broke before the reply. */
export type Answer = Fields | CarillonError | null;

/** Takes the answer to a command, and the bytes that came with a reply. */
export type Settle = (answer: Answer, body?: Uint8Array) => void;

/** What a link tells its connection. */
export interface LinkSink {
  opened(): void;
  /** Anything came: the other end is alive. */
  heard(): void;
  push(push: Fields, body: Uint8Array): void;
  /** Something came that is not carillon.1. */
  broken(cause: unknown): void;
  closed(code: number, reason: string): void;
}

/**
 * One socket, from its opening to its end: frames to messages and back, and which reply belongs to which command.
 * Commands of one turn go out in order, and in one frame: each frame of its own would be a packet on the network, and a
 * read for the server, who answers them together in any case.
 */
export class Link {
  /** Characters sent so far. */
  sent = 0;
  /** Largest command in bytes that the server takes. A larger one would end the connection for good. */
  messageBytes: number = Infinity;
  readonly #ports: Pick<ClientPorts, "open" | "soon">;
  readonly #sink: LinkSink;
  readonly #waiting = new Map<number, Settle>();
  #nextId = 1;
  /** What waits for the end of the turn. */
  #joined = "";
  /** Null after the end. */
  #socket: Socket | null;

  /** Opens a socket. Throws what the port throws. */
  constructor(ports: Pick<ClientPorts, "open" | "soon">, sink: LinkSink) {
    this.#ports = ports;
    this.#sink = sink;
    this.#socket = ports.open({
      open: () => sink.opened(),
      message: (data) => this.#receive(data),
      close: (code, reason) => sink.closed(code, reason),
    });
  }

  /** Sends a command and calls `settle` once, with its answer: at once if it can't be sent, otherwise later. */
  request(command: object, payload: Payload | null, settle: Settle): void {
    if (!this.#socket) {
      settle(null);
      return;
    }
    const id = this.#nextId++;
    const head = JSON.stringify({ ...command, id });
    const text = payload ? `${head.slice(0, -1)},${payload.text}}` : head;
    const frame = payload?.body ? encodeRecord(text, [payload.body]) : text;
    // A character is three bytes at most, so most commands need no counting.
    const size = isText(frame) && frame.length * 3 > this.messageBytes ? byteLength(frame) : frame.length;
    if (size > this.messageBytes) {
      settle(new CarillonError("too_large", `Expected ${this.messageBytes} bytes at most, got ${size}.`));
      return;
    }
    this.#waiting.set(id, settle);
    this.#send(frame);
  }

  /** Answers the connect reply or a heartbeat. */
  pong(): void {
    this.#send('{"cmd":"pong"}');
  }

  /** Ends the link: closes the socket, unless it is closed already, and answers what waits with null. */
  end(code: number, reason: string): void {
    this.#flush();
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(code, reason);
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const settle of waiting) settle(null);
  }

  #send(data: string | Uint8Array<ArrayBuffer>): void {
    this.sent += data.length;
    // `connect`, the first command, must be alone in its frame, and bytes and text do not mix.
    const isAlone = !isText(data) || this.#nextId < 3;
    // A character is three bytes at most.
    if (isAlone || (this.#joined.length + data.length) * 3 > Math.min(JOINED_BYTES, this.messageBytes)) this.#flush();
    if (isAlone) this.#socket?.send(data);
    else if (this.#joined) this.#joined += `\n${data}`;
    else {
      this.#joined = data;
      this.#ports.soon(() => this.#flush());
    }
  }

  #flush(): void {
    const frame = this.#joined;
    this.#joined = "";
    if (frame) this.#socket?.send(frame);
  }

  #receive(data: string | Uint8Array): void {
    this.#sink.heard();
    try {
      const messages = isText(data) ? decodeText(data, FRAME_MESSAGES_MAX) : decodeBinary(data, FRAME_MESSAGES_MAX);
      for (const { head, body } of messages) {
        // A listener may have ended the link in the middle of a frame.
        if (!this.#socket) return;
        if (!isFields(head)) throw new Error("Expected a JSON object.");
        if (isText(head["push"])) this.#sink.push(head, body);
        else this.#reply(head, body);
      }
    } catch (error) {
      this.#sink.broken(error);
    }
  }

  #reply(head: Fields, body: Uint8Array): void {
    const id = Number(head["re"]);
    const settle = this.#waiting.get(id);
    this.#waiting.delete(id);
    settle?.(isFields(head["ok"]) ? head["ok"] : readError(head["error"]), body);
  }
}

/** Reads the error of a reply. A code of a newer server is kept as it is. */
export function readError(error: unknown): CarillonError {
  const { code, message, retry, retryAfterMs, version } = isFields(error) ? error : {};
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the server may be newer and know other codes.
  return new CarillonError((isText(code) ? code : "bad_message") as ErrorCode, String(message), {
    retry: retry === true,
    ...(typeof retryAfterMs === "number" && { retryAfterMs }),
    ...(typeof version === "number" && { version }),
  });
}
