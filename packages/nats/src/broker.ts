import type { Ports, Timer } from "@carillon/server/backplane";
import type { Msg, MsgHdrs, NatsConnection, Subscription } from "@nats-io/transport-node";
import { createInbox } from "@nats-io/transport-node";
import { Trouble } from "./store-error.ts";

/** A request that goes out at the end of the turn. */
interface Outgoing {
  readonly token: string;
  readonly subject: string;
  readonly data: Uint8Array | string;
  readonly headers: MsgHdrs | undefined;
}

/** A request that waits for its reply. */
interface Pending {
  readonly resolve: (message: Msg) => void;
  readonly reject: (trouble: Trouble) => void;
  readonly timer: Timer;
}

/** What JetStream says went wrong with a request of its API. */
interface ApiError {
  readonly code: number;
  readonly err_code?: number;
  readonly description?: string;
}

/** An answer of the JetStream API: `error`, or what was asked for. */
export interface ApiAnswer {
  readonly error?: ApiError;
  /** Of a deletion. */
  readonly success?: boolean;
  /** Of a consumer. */
  readonly name?: string;
  /** Of a stream. */
  readonly created?: string;
  readonly state?: { readonly first_seq: number; readonly last_seq: number };
  readonly config?: Readonly<Record<string, unknown>>;
  /** Of a list of streams. */
  readonly streams?: readonly { readonly config: Readonly<Record<string, unknown>> }[];
  readonly total?: number;
  /** A message; its data in base64. */
  readonly message?: { readonly seq: number; readonly time: string; readonly data?: string };
}

/** Bytes that the headers of a message may take, on the way in and when it is repeated. */
const HEADERS_MAX = 1_024;
/** Requests under way at most; beyond, new ones fail at once, so that a slow broker can't fill the memory. */
const REQUESTS_MAX = 20_000;

/**
 * One connection to NATS with requests of our own over one inbox. The driver's requests outlive a broken connection until
 * they time out, and what is published while there is none is sent later; here both fail at once, because whoever waits
 * can do something better: look what arrived, and send again.
 *
 * Requests of one turn of the event loop go out together, at its end. The driver writes at the end of each microtask, so that
 * a thousand clients that come back at one moment, who ask five things each, would cost as many system calls.
 */
export class Broker {
  readonly connection: NatsConnection;
  readonly #ports: Ports;
  readonly #timeoutMs: number;
  readonly #inbox: string;
  readonly #pending = new Map<string, Pending>();
  readonly #listeners: ((isConnected: boolean) => void)[] = [];
  #outgoing: Outgoing[] = [];
  #tokens = 0;
  #turn = 0;
  #isConnected = true;
  #isClosed = false;

  constructor(connection: NatsConnection, ports: Ports, timeoutMs: number) {
    this.connection = connection;
    this.#ports = ports;
    this.#timeoutMs = timeoutMs;
    this.#inbox = createInbox();
    connection.subscribe(`${this.#inbox}.*`, { callback: (_error, message) => this.#onReply(message) });
    void this.#watch();
  }

  /** False while the connection is broken. */
  get isConnected(): boolean {
    return this.#isConnected && !this.#isClosed;
  }

  /** Changes whenever the connection breaks: what stands behind the next one may be another store. */
  get turn(): number {
    return this.#turn;
  }

  /** Bytes of data in a message at most. */
  get dataMax(): number {
    return (this.connection.info?.max_payload ?? 1_048_576) - HEADERS_MAX;
  }

  /** Calls back whenever the connection breaks, or stands again. */
  onConnected(listener: (isConnected: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /** Sends and waits for one reply. Rejects with a {@link Trouble}. */
  request(subject: string, data: Uint8Array | string, headers?: MsgHdrs, isProbe: boolean = false): Promise<Msg> {
    return new Promise((resolve, reject) => {
      if (!this.isConnected && !isProbe) return reject(new Trouble("unavailable", "There is no connection to NATS."));
      if (this.#pending.size >= REQUESTS_MAX) return reject(new Trouble("unavailable", "NATS is too far behind."));
      const token = (++this.#tokens).toString(36);
      const giveUp = (): void => {
        if (this.#pending.delete(token))
          reject(new Trouble("timeout", `NATS did not answer within ${this.#timeoutMs} ms.`));
      };
      // Not at once: if it was this process that stood still, what has come meanwhile is read between the two.
      const timer = this.#ports.after(this.#timeoutMs, () => setImmediate(giveUp));
      this.#pending.set(token, { resolve, reject, timer });
      if (this.#outgoing.length === 0) setImmediate(() => this.#sendAll());
      this.#outgoing.push({ token, subject, data, headers });
    });
  }

  /**
   * Asks whether NATS is there though the driver says that it is not: of a server that went away several times within
   * moments the driver may not tell that it is back. Harmless if it is not: nothing but a question waits to be sent.
   */
  async probe(): Promise<void> {
    if (this.#isClosed) return;
    await this.request("$JS.API.INFO", "", undefined, true);
    this.#changed(true);
  }

  /** Asks the JetStream API. An `error` in the answer is the caller's to judge. */
  async api(name: string, body: object | null = null): Promise<ApiAnswer> {
    const message = await this.request(`$JS.API.${name}`, body === null ? "" : JSON.stringify(body));
    return message.json<ApiAnswer>();
  }

  /** Sends without an answer; lost if there is no connection. */
  publish(subject: string, data: Uint8Array | string): void {
    if (!this.isConnected) return;
    try {
      this.connection.publish(subject, data);
    } catch {
      // The connection is being closed; the status says so to whoever needs to know.
    }
  }

  /** Receives what is sent to a subject, across reconnects. */
  subscribe(subject: string, onMessage: (message: Msg) => void): Subscription {
    return this.connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) onMessage(message);
      },
    });
  }

  /** Ends the connection. Requests under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#failAll();
    await this.connection.close();
  }

  #sendAll(): void {
    const outgoing = this.#outgoing;
    this.#outgoing = [];
    for (const { token, subject, data, headers } of outgoing) {
      const pending = this.#pending.get(token);
      // It has failed meanwhile, with the connection, and must not go out on the next one.
      if (pending === undefined) continue;
      const reply = `${this.#inbox}.${token}`;
      try {
        this.connection.publish(subject, data, headers === undefined ? { reply } : { reply, headers });
      } catch (error) {
        this.#pending.delete(token);
        pending.timer.cancel();
        pending.reject(new Trouble("unavailable", String(error)));
      }
    }
  }

  #onReply(message: Msg): void {
    const token = message.subject.slice(this.#inbox.length + 1);
    const pending = this.#pending.get(token);
    if (pending === undefined) return;
    this.#pending.delete(token);
    pending.timer.cancel();
    // 503: nobody serves the subject. JetStream is starting, or the stream's leader is being elected.
    if (message.data.length === 0 && message.headers?.code === 503) {
      return pending.reject(new Trouble("unavailable", "JetStream does not answer."));
    }
    pending.resolve(message);
  }

  async #watch(): Promise<void> {
    for await (const status of this.connection.status()) {
      if (status.type === "disconnect") this.#changed(false);
      else if (status.type === "reconnect") this.#changed(true);
    }
  }

  #changed(isConnected: boolean): void {
    if (this.#isConnected === isConnected) return;
    this.#isConnected = isConnected;
    if (!isConnected) {
      this.#turn++;
      this.#failAll();
    }
    for (const listener of this.#listeners) listener(isConnected);
  }

  #failAll(): void {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject, timer } of pending) {
      timer.cancel();
      reject(new Trouble("timeout", "The connection to NATS broke before the answer came."));
    }
  }
}
