import { CLOSE_CODES } from "@carillon/protocol";
import type { Connection, ConnectionEvents } from "../session/connection.ts";
import type { SessionHost } from "../session/host.ts";
import { Liveness } from "../session/liveness.ts";
import { Outbox } from "../session/outbox.ts";
import type { RawClose, RawPeer } from "./raw-options.ts";

/** Close code for what the server may not say (RFC 6455, section 7.4.1). */
const POLICY = 1008;
const INTERNAL_ERROR = 1011;

type MessageListener = (data: string | Uint8Array) => void;
type CloseListener = (code: number, reason: string) => void;

/** A plain WebSocket whose messages go to a handler of the application. A handler that throws ends its own peer only. */
export class RawHandlerPeer implements ConnectionEvents, RawPeer {
  readonly id: string;
  readonly remoteAddress: string;
  readonly url: URL;
  readonly #connection: Connection;
  readonly #host: SessionHost;
  readonly #outbox: Outbox;
  readonly #liveness: Liveness;
  readonly #spoke: number;
  readonly #messageListeners = new Set<MessageListener>();
  readonly #closeListeners = new Set<CloseListener>();
  #isPaused = false;
  #isEnded = false;

  constructor(connection: Connection, host: SessionHost, url: URL) {
    this.id = connection.id;
    this.remoteAddress = connection.remoteAddress;
    this.url = url;
    this.#connection = connection;
    this.#host = host;
    this.#outbox = new Outbox(connection, host, host.limits.outboxBytes, this);
    this.#liveness = new Liveness(host.ports, connection, host.limits);
    this.#spoke = host.wheel.add(this);
    host.metrics.connections++;
    host.metrics.connectionsTotal++;
    connection.opened();
  }

  on(event: "message" | "close", listener: MessageListener | CloseListener): () => void {
    const listeners: Set<MessageListener | CloseListener> =
      event === "message" ? this.#messageListeners : this.#closeListeners;
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  send(data: string | Uint8Array): boolean {
    if (this.#isEnded) return false;
    const { framing } = this.#connection;
    const isTaken = this.#outbox.accept(typeof data === "string" ? framing.text(data) : framing.binary(data));
    this.#flow();
    return isTaken;
  }

  close({ code = 1000, reason = "" }: RawClose = {}): void {
    if (this.#isEnded) return;
    this.#host.flushOutbox(this.#outbox);
    this.#connection.close(code, reason);
    this.#end(code, reason);
  }

  text(payload: string): void {
    this.#received(payload);
  }

  binary(payload: Uint8Array): void {
    this.#received(payload);
  }

  drained(): void {
    this.#flow();
  }

  closed(code: number): void {
    this.#end(code, "");
  }

  alive(): void {
    this.#liveness.heard();
  }

  beat(): void {
    const pulse = this.#liveness.beat(this.#isPaused);
    // A raw peer need never say anything by itself, so it is asked; every WebSocket answers a ping.
    if (pulse === "alive") return this.#connection.probe();
    if (pulse === "heartbeat_missed") return this.#connection.terminate();
    this.#host.metrics.slowClosed++;
    this.close({ code: POLICY, reason: CLOSE_CODES.slow.text });
  }

  /** Runs the route's handler for this peer. */
  serve(handler: (peer: RawPeer) => void): void {
    this.#guard(() => handler(this));
  }

  #received(data: string | Uint8Array): void {
    this.#liveness.heard();
    for (const listener of this.#messageListeners) this.#guard(() => listener(data));
    this.#flow();
  }

  /** Nothing more is read while the peer does not take what it is sent, so an echo can't grow without bound. */
  #flow(): void {
    const mustPause = this.#outbox.isFull;
    if (mustPause === this.#isPaused || this.#isEnded) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#connection.pause();
    else this.#connection.resume();
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#host.logger.error("A raw handler failed.", { connection: this.id, error: String(error) });
      this.close({ code: INTERNAL_ERROR, reason: "The handler failed." });
    }
  }

  #end(code: number, reason: string): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#host.wheel.remove(this, this.#spoke);
    this.#outbox.clear();
    this.#host.metrics.connections--;
    for (const listener of this.#closeListeners) this.#guard(() => listener(code, reason));
    this.#messageListeners.clear();
    this.#closeListeners.clear();
  }
}
