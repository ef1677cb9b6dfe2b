import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** One message of a broker's protocol in a stretch of bytes. */
interface Frame {
  /** Behind its last byte. */
  readonly end: number;
  /** It is a message of live delivery of a log. */
  readonly isLive: boolean;
}

/** Finds the message that begins at `start`; null while it is not whole. */
type Framing = (bytes: Buffer, start: number) => Frame | null;

/**
 * A proxy in front of a broker that reads what the server sends, and on command drops messages of live delivery: the
 * fault that nobody is told of. Everything else passes.
 */
export class LiveSwallower implements AsyncDisposable {
  /** Messages dropped so far. */
  swallowed = 0;
  isSwallowing = false;
  /** Told of each live message while the proxy is not swallowing all: true drops it. */
  swallows: (message: Buffer) => boolean = () => false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #framing: Framing;

  private constructor(target: { readonly port: number }, framing: Framing) {
    this.#framing = framing;
    this.#server = createServer({ noDelay: true }, (socket) => {
      const upstream = connect({ port: target.port, host: "127.0.0.1", noDelay: true });
      for (const one of [socket, upstream]) {
        this.#sockets.add(one);
        one.on("error", () => {});
      }
      socket.pipe(upstream);
      socket.on("close", () => upstream.destroy());
      upstream.on("close", () => socket.destroy());
      let rest: Buffer = Buffer.alloc(0);
      upstream.on("data", (chunk: Buffer) => {
        rest = this.#pass(rest.length === 0 ? chunk : Buffer.concat([rest, chunk]), socket);
      });
    });
  }

  /** Starts one in front of a broker. Default: NATS. */
  static async start(
    target: { readonly port: number },
    protocol: keyof typeof FRAMINGS = "nats",
  ): Promise<LiveSwallower> {
    const swallower = new LiveSwallower(target, FRAMINGS[protocol]);
    await new Promise<void>((resolve) => void swallower.#server.listen(0, "127.0.0.1", resolve));
    return swallower;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  /** Forwards whole messages; returns what is not yet whole. */
  #pass(bytes: Buffer, socket: Socket): Buffer {
    let start = 0;
    for (let frame = this.#framing(bytes, 0); frame !== null; frame = this.#framing(bytes, start)) {
      const message = bytes.subarray(start, frame.end);
      start = frame.end;
      if (frame.isLive && (this.isSwallowing || this.swallows(message))) this.swallowed++;
      else socket.write(message);
    }
    return bytes.subarray(start);
  }
}

/** Protocol lines of NATS, with their payloads. */
function natsFrame(bytes: Buffer, start: number): Frame | null {
  const end = bytes.indexOf("\r\n", start);
  if (end === -1) return null;
  const words = bytes.toString("latin1", start, end).split(" ");
  const hasPayload = words[0] === "MSG" || words[0] === "HMSG";
  const next = hasPayload ? end + 2 + Number(words.at(-1)) + 2 : end + 2;
  return next > bytes.length ? null : { end: next, isLive: hasPayload && (words[1] ?? "").includes(".live.log.") };
}

/** Values of RESP 2 and 3. A message of sharded Pub/Sub is a list that begins with its kind. */
function redisFrame(bytes: Buffer, start: number): Frame | null {
  const end = endOfValue(bytes, start);
  return end === null ? null : { end, isLive: isMessage(bytes.subarray(start, Math.min(end, start + 32))) };
}

const LISTS = "*>~";
const TEXTS = "$=!";

function endOfValue(bytes: Buffer, start: number): number | null {
  const line = bytes.indexOf("\r\n", start);
  if (line === -1) return null;
  const type = String.fromCharCode(bytes[start] ?? 0);
  const count = Number(bytes.toString("latin1", start + 1, line));
  let end: number | null = line + 2;
  if (TEXTS.includes(type)) {
    const next = count < 0 ? end : end + count + 2;
    return next > bytes.length ? null : next;
  }
  const values = LISTS.includes(type) ? count : type === "%" ? 2 * count : 0;
  for (let value = 0; value < values && end !== null; value++) end = endOfValue(bytes, end);
  return end;
}

function isMessage(head: Buffer): boolean {
  return /^[*>]3\r\n\$8\r\nsmessage\r\n/.test(head.toString("latin1"));
}

const FRAMINGS = { nats: natsFrame, redis: redisFrame } satisfies Record<string, Framing>;
