import { once } from "node:events";
import { WebSocket } from "ws";
import type { WireMessage } from "./wire-client.ts";

/** What a publish was answered: where it is and since when, or the code of an error. */
export type PublishAnswer = { readonly pos: string; readonly at: number } | string;

/** Commands in one frame. */
const PER_FRAME = 200;

/**
 * One instance that publishes over the wire and comes back with its resume credential, as the SDK does; but a test says
 * when it reads, when its connection is cut, and what it sends again.
 */
export class RetryingPublisher {
  readonly #channel: string;
  readonly #answered: (id: string, answer: PublishAnswer) => void;
  /** Publications by the id of the command that asks for them. */
  readonly #asked = new Map<number, string>();
  #ws: WebSocket | null = null;
  #command = 0;
  #resume: string | null = null;
  #instance: string | null = null;
  #resend = { epoch: "", at: 0 };
  #isAnswered: () => void = () => {};

  /** @param answered told of every answer */
  constructor(channel: string, answered: (id: string, answer: PublishAnswer) => void) {
    this.#channel = channel;
    this.#answered = answered;
  }

  /** Publishes of this connection without an answer. */
  get open(): number {
    return this.#asked.size;
  }

  /** Comes in with a ticket, or back as the same instance. Rejects when it is not let in. */
  async connect(url: string, ticket: () => Promise<string>): Promise<void> {
    this.#asked.clear();
    const credential = this.#resume === null ? { ticket: await ticket() } : { resume: this.#resume };
    const ws = new WebSocket(url, "carillon.1.json", { perMessageDeflate: false });
    this.#ws = ws;
    // A cut is what the test is about; `close` follows.
    ws.on("error", () => {});
    await once(ws, "open");
    ws.send(JSON.stringify({ cmd: "connect", id: ++this.#command, ...credential }));
    const [first] = (await once(ws, "message")) as [Buffer];
    this.#welcome(JSON.parse(first.toString()) as WireMessage);
    // Confirms the credential that has just come; a ticket is void already.
    if ("resume" in credential) ws.send(JSON.stringify({ cmd: "pong" }));
    ws.on("message", (frame: Buffer) => {
      for (const line of frame.toString().split("\n")) this.#take(JSON.parse(line) as WireMessage);
    });
  }

  /** Publishes; `isRetry`: what this instance has published before, under the same ids. */
  send(ids: readonly string[], isRetry: boolean): void {
    const resend = isRetry ? { resend: this.#resend } : {};
    for (let first = 0; first < ids.length; first += PER_FRAME) {
      const lines = ids.slice(first, first + PER_FRAME).map((publication) => {
        const id = ++this.#command;
        this.#asked.set(id, publication);
        return JSON.stringify({
          cmd: "publish",
          id,
          channel: this.#channel,
          publication,
          data: publication,
          ...resend,
        });
      });
      this.#ws?.send(lines.join("\n"));
    }
  }

  /** Publishes, and resolves when all is answered. Rejects after so many milliseconds. */
  async ask(ids: readonly string[], isRetry: boolean, timeoutMs = 30_000): Promise<void> {
    const answered = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.open} publishes have no answer.`)), timeoutMs);
      this.#isAnswered = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.send(ids, isRetry);
    await answered;
  }

  /** Reads nothing any more: what the server answers goes no further than the socket. */
  deafen(): void {
    this.#ws?.pause();
  }

  /** Breaks the connection off. */
  async cut(): Promise<void> {
    const ws = this.#ws;
    this.#ws = null;
    if (ws === null || ws.readyState === WebSocket.CLOSED) return;
    const closed = once(ws, "close");
    ws.removeAllListeners("message");
    ws.resume();
    ws.terminate();
    await closed;
  }

  #welcome({ ok, error }: WireMessage): void {
    const { resume, instance, idempotency, time } = ok ?? {};
    if (typeof resume !== "string" || typeof instance !== "string") {
      throw new Error(`Expected to be let in, got ${error?.code}.`);
    }
    if (this.#instance !== null && instance !== this.#instance) throw new Error("Expected to be the same instance.");
    const { epoch } = idempotency as { readonly epoch: string };
    // The first attempt of everything that is sent again was made under the first welcome, or later.
    if (this.#instance === null) this.#resend = { epoch, at: Number(time) };
    this.#instance = instance;
    this.#resume = resume;
  }

  #take({ re, ok, error, push }: WireMessage): void {
    if (push === "heartbeat") this.#ws?.send(JSON.stringify({ cmd: "pong" }));
    const publication = re === undefined ? undefined : this.#asked.get(re);
    if (re === undefined || publication === undefined) return;
    this.#asked.delete(re);
    const answer = ok === undefined ? (error?.code ?? "") : { pos: String(ok["pos"]), at: Number(ok["at"]) };
    this.#answered(publication, answer);
    if (this.#asked.size === 0) this.#isAnswered();
  }
}
