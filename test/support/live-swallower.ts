import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * A proxy in front of NATS that reads what the server sends, and on command drops messages of live delivery: the fault
 * that nobody is told of. Everything else passes.
 */
export class LiveSwallower implements AsyncDisposable {
  /** Messages dropped so far. */
  swallowed = 0;
  isSwallowing = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: { readonly port: number }) {
    this.#server = createServer((socket) => {
      const upstream = connect(target.port, "127.0.0.1");
      for (const one of [socket, upstream]) {
        this.#sockets.add(one);
        one.on("error", () => {});
      }
      socket.pipe(upstream);
      upstream.on("close", () => socket.destroy());
      let rest: Buffer = Buffer.alloc(0);
      upstream.on("data", (chunk: Buffer) => {
        rest = this.#pass(Buffer.concat([rest, chunk]), socket);
      });
    });
  }

  static async start(target: { readonly port: number }): Promise<LiveSwallower> {
    const swallower = new LiveSwallower(target);
    await new Promise<void>((resolve) => void swallower.#server.listen(0, "127.0.0.1", resolve));
    return swallower;
  }

  get address(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  /** Forwards whole protocol lines with their payloads; returns what is not yet whole. */
  #pass(bytes: Buffer, socket: Socket): Buffer {
    let start = 0;
    for (;;) {
      const end = bytes.indexOf("\r\n", start);
      if (end === -1) break;
      const words = bytes.toString("latin1", start, end).split(" ");
      const hasPayload = words[0] === "MSG" || words[0] === "HMSG";
      const next = hasPayload ? end + 2 + Number(words.at(-1)) + 2 : end + 2;
      if (next > bytes.length) break;
      if (hasPayload && this.isSwallowing && (words[1] ?? "").includes(".live.log.")) this.swallowed++;
      else socket.write(bytes.subarray(start, next));
      start = next;
    }
    return bytes.subarray(start);
  }
}
