import { afterClose, CarillonError } from "@carillon/protocol";
import { backoffMs, LATE } from "./backoff.ts";
import { numberFrom, type Fields } from "./fields.ts";
import { Link, type Answer, type LinkSink } from "./link.ts";
import type { Cancel, ClientPorts, EnvironmentEvent } from "./ports.ts";
import { TimerSet } from "./timer-set.ts";
import { readWelcome, type Welcome } from "./welcome.ts";

/** `connecting` includes every pause between attempts: the client will be back by itself. `disconnected`: it won't. */
export type ConnectionState = "disconnected" | "connecting" | "connected";

/** A change of the connection's state. */
export interface ConnectionChange {
  readonly state: ConnectionState;
  /** Close code of the socket that ended, if one did. */
  readonly code: number | undefined;
  readonly reason: string;
  /** Why the client stopped; undefined for any other change, and for a stop that the application asked for. */
  readonly error: CarillonError | undefined;
}

/** Settings of a connection. */
export interface ConnectionOptions {
  /** Version of the contract that the client was built with. */
  readonly contract?: number | undefined;
  /** Name and version of the SDK, for the server's log. */
  readonly sdk: string;
}

/** What a connection tells the instance. */
export interface ConnectionSink {
  /** `connect` has been sent: commands may follow, `room` characters at most, and without knowing what it will say. */
  pipeline(link: Link, room: number): void;
  connected(link: Link, welcome: Welcome): void;
  /** The link has ended; what waited on it has been told. */
  lost(): void;
  push(push: Fields, body: Uint8Array): void;
  changed(change: ConnectionChange): void;
  fail(error: CarillonError): void;
}

/** An attempt to connect that takes longer has failed, in milliseconds. */
const ATTEMPT_MS = 10_000;
/** A supplier that has no ticket by then has failed, in milliseconds. It may have to ask a slow backend. */
const TICKET_MS = 30_000;
/** After a wake-up the other end must be heard within this time, in milliseconds. */
const PROBE_MS = 4_000;
/** A connection that the server ends earlier than this does not count as a success for the backoff, in milliseconds. */
const STABLE_MS = 5_000;
/** The same where nodes leave one after the other, and say so: a client may have to move with each of them. */
const MOVED_MS = 1_000;
/** Ticket refusals in a row after which another ticket won't help. */
const REFUSALS_MAX = 3;
/** Of the 16 KiB that a server takes before it has decided on `connect`, what pipelining uses. */
const PIPELINE_CHARACTERS = 14_000;

// The close codes that the client itself uses; a test keeps them equal to CLOSE_CODES, whose texts are not shipped.
/** A clean leave. */
export const LEAVE = 1000;
/** This end goes and comes back (`draining`). */
export const COMING_BACK = 4000;
/** Nothing was heard (`heartbeat_missed`). */
export const SILENCE = 4002;
/** The server has lost entries of the instance (`entries_lost`). */
export const ENTRIES_LOST = 4006;
/** The server refused the ticket (`ticket_refused`). */
export const TICKET_REFUSED = 4100;
/** The server does not speak carillon.1 (`protocol_error`). */
export const PROTOCOL_ERROR = 4502;

/**
 * The connection machine: keeps one link up.
 *
 *     disconnected ──connect()──▶ connecting: pause ─▶ ticket or resume ─▶ socket ─▶ reply ──▶ connected
 *          ▲                          ▲                                                           │
 *          └─ stop code, disconnect() ┴──────── broken, reconnect code, drain, silence ───────────┘
 *
 * An `offline` event does not end a connection, since it may be wrong (another interface, localhost): the other end is
 * asked whether it is there. While offline, attempts are rare (one in at most 20 s); `online`, a tab that comes to the
 * front and a page that comes out of the page cache retry within 0.5 s, or ask at once whether the connection lives.
 * A page that is suspended closes its socket, as browsers want, in a way that lets it resume.
 */
export class Connection implements LinkSink {
  state: ConnectionState = "disconnected";
  /** The link, once `connect` was answered. */
  ready: Link | null = null;
  readonly #ports: ClientPorts;
  readonly #options: ConnectionOptions;
  readonly #sink: ConnectionSink;
  readonly #timers: TimerSet;
  #link: Link | null = null;
  /** What the newest link enters with. */
  #credential: object = {};
  #resume: string | undefined;
  #unwatch: Cancel | null = null;
  /** Attempts since the last success. */
  #attempt = 0;
  #refusals = 0;
  /** Names the newest attempt; an answer to an older one is stale. */
  #serial = 0;
  #isOffline = false;
  #isSuspended = false;
  #heardMs = 0;
  #connectedMs = 0;
  /** Silence that the connection takes. */
  #silenceMs = 0;
  /** What the server said to `connect`, if it refused. */
  #refusal: CarillonError | undefined;

  constructor(ports: ClientPorts, options: ConnectionOptions, sink: ConnectionSink) {
    this.#ports = ports;
    this.#options = options;
    this.#sink = sink;
    this.#timers = new TimerSet(ports);
  }

  /** Starts. Does nothing unless disconnected. */
  connect(): void {
    if (this.state !== "disconnected") return;
    this.#attempt = this.#refusals = 0;
    this.#isOffline = this.#isSuspended = false;
    this.#unwatch = this.#ports.watch((event) => this.#befall(event));
    this.#change("connecting");
    // A listener of the change may have had other wishes.
    if (this.#isConnecting()) this.#begin();
  }

  /** Leaves cleanly: what the instance owns ends at once. Does nothing when disconnected. */
  disconnect(): void {
    if (this.state !== "disconnected") this.#stop(LEAVE);
  }

  /** True: the connection that ended with this code was a success, and the backoff begins anew. */
  #isSuccess(code: number): boolean {
    return code < 4000 || this.#ports.now() - this.#connectedMs >= (code === COMING_BACK ? MOVED_MS : STABLE_MS);
  }

  #isConnecting(): boolean {
    return this.state === "connecting";
  }

  #begin(): void {
    this.#timers.clearAll();
    if (this.#resume) {
      this.#open({ resume: this.#resume });
      return;
    }
    // A supplier that knows better (a CarillonError with `retry: false`) stops the client; everything else may pass.
    const failed = (error: CarillonError): void => {
      if (error.retry) {
        this.#pause(error.retryAfterMs);
        this.#sink.fail(error);
      } else this.#stop(LEAVE, error);
    };
    this.#timers.set("attempt", TICKET_MS, () => failed(new CarillonError("timeout", "No ticket in time.")));
    this.#take((ticket) => this.#open({ ticket }), failed);
  }

  /** Takes a ticket from the supplier, unless the connection has moved on before it comes. */
  #take(use: (ticket: string) => void, failed: (error: CarillonError) => void): void {
    const serial = ++this.#serial;
    this.#ports.ticket((ticket, cause) => {
      if (serial !== this.#serial) return;
      if (ticket !== null) use(ticket);
      else if (cause instanceof CarillonError) failed(cause);
      else failed(new CarillonError("ticket_refused", "The supplier failed.", { cause, retry: true }));
    });
  }

  #open(credential: { ticket: string } | { resume: string }): void {
    this.#credential = credential;
    this.#refusal = undefined;
    this.#timers.set("attempt", ATTEMPT_MS, () => this.#lose(SILENCE));
    try {
      this.#link = new Link(this.#ports, this);
    } catch (error) {
      this.#pause();
      this.#sink.fail(new CarillonError("unavailable", "The socket failed.", { cause: error }));
    }
  }

  // --- what the link tells ---

  opened(): void {
    const link = this.#link;
    if (!link) return;
    const { contract, sdk } = this.#options;
    link.request({ cmd: "connect", ...this.#credential, contract, sdk }, null, (answer) =>
      this.#answered(link, answer),
    );
    this.#sink.pipeline(link, PIPELINE_CHARACTERS);
  }

  #answered(link: Link, answer: Answer): void {
    if (!answer) return;
    // The close that follows a refusal says what to do next; the error adds why, and how long to wait.
    if (answer instanceof CarillonError) {
      this.#refusal = answer;
      return;
    }
    const welcome = readWelcome(answer);
    link.messageBytes = welcome.messageBytes;
    // Confirms the next credential, and so voids the one that was used; a ticket is void already.
    if (this.#resume) link.pong();
    this.#resume = welcome.resume;
    this.#refusals = 0;
    this.#connectedMs = this.#heardMs = this.#ports.now();
    this.#silenceMs = 1.5 * welcome.heartbeatMs;
    this.#timers.clearAll();
    this.#listen();
    this.#refreshBefore(welcome.lifetimeMs);
    this.ready = link;
    this.state = "connected";
    this.#sink.connected(link, welcome);
    if (this.ready === link) this.#change("connected");
  }

  heard(): void {
    this.#heardMs = this.#ports.now();
  }

  broken(cause: unknown): void {
    this.#sink.fail(new CarillonError("bad_message", "Expected carillon.1.", { cause }));
    this.#lose(PROTOCOL_ERROR);
  }

  push(push: Fields, body: Uint8Array): void {
    if (push["push"] === "heartbeat") this.#link?.pong();
    else if (push["push"] === "drain") {
      // Until then the node serves as before. The delay is the server's, who spreads its clients with it.
      this.#timers.set("drain", numberFrom(push["delayMs"], 0, 0), () => {
        this.#lose(COMING_BACK, this.#isSuccess(COMING_BACK) ? 0 : undefined);
      });
    } else this.#sink.push(push, body);
  }

  // --- silence ---

  #listen(): void {
    const leftMs = this.#heardMs + this.#silenceMs - this.#ports.now();
    if (leftMs <= 0) this.#lose(SILENCE);
    else this.#timers.set("heartbeat", leftMs, () => this.#listen());
  }

  /** Asks whether the other end is there. An error is an answer, too. */
  #probe(): void {
    const sinceMs = this.#ports.now();
    this.#listen();
    if (!this.ready || this.#timers.has("probe")) return;
    this.#timers.set("probe", PROBE_MS, () => {
      if (this.#heardMs <= sinceMs) this.#lose(SILENCE);
    });
    this.ready.request({ cmd: "ping" }, null, () => this.#timers.clear("probe"));
  }

  #befall(event: EnvironmentEvent): void {
    if (event === "unload") this.disconnect();
    else if (event === "pagehide" || event === "freeze") {
      this.#isSuspended = true;
      if (this.#link) this.#lose(COMING_BACK);
      else this.#pause();
    } else {
      if (event === "online" || event === "offline") this.#isOffline = event === "offline";
      if (this.ready) this.#probe();
      else if (event !== "offline" && (this.#isSuspended || this.#timers.has("retry"))) {
        this.#isSuspended = false;
        this.#attempt = 0;
        this.#pause();
      }
    }
  }

  // --- refresh ---

  #refreshBefore(lifetimeMs: number): void {
    // 80 % leaves room for a slow supplier; a lifetime of nothing must not become a storm of tickets.
    if (lifetimeMs) this.#timers.set("refresh", Math.max(1000, lifetimeMs * 0.8), () => this.#refresh(lifetimeMs / 10));
  }

  #refresh(againMs: number): void {
    const failed = (error: CarillonError): void => {
      this.#timers.set("refresh", Math.max(1000, againMs), () => this.#refresh(againMs));
      this.#sink.fail(error);
    };
    this.#take((ticket) => {
      this.ready?.request({ cmd: "refresh", ticket }, null, (answer) => {
        if (answer instanceof CarillonError) failed(answer);
        else if (answer) this.#refreshBefore(numberFrom(answer["lifetimeMs"], 0, 0));
      });
    }, failed);
  }

  // --- the end of a link ---

  closed(code: number, reason: string): void {
    const after = afterClose(code);
    if (after !== "resume") this.#resume = undefined;
    const isHopeless = code === TICKET_REFUSED && ++this.#refusals >= REFUSALS_MAX;
    if (after !== "stop" && !isHopeless) return this.#lose(code, this.#refusal?.retryAfterMs, reason);
    const error = this.#refusal ?? new CarillonError("disconnected", `The server closed with ${code} ${reason}.`);
    this.#stop(code, error, reason);
  }

  /** Ends the link, if there is one, and tries again: after `delayMs`, or by the backoff. */
  #lose(code: number, delayMs?: number, reason = ""): void {
    const wasConnected = !!this.ready;
    // A server that takes connections and ends them at once must not be met with a storm.
    if (wasConnected && this.#isSuccess(code)) this.#attempt = 0;
    this.#drop(code, reason);
    if (!this.#isConnecting()) return;
    this.#pause(delayMs);
    if (wasConnected) this.#change("connecting", code, reason);
  }

  #stop(code: number, error?: CarillonError, reason = ""): void {
    this.state = "disconnected";
    this.#resume = undefined;
    this.#unwatch?.();
    this.#drop(code, reason);
    // Unless a listener has connected again.
    if (!this.#isConnecting()) this.#change("disconnected", code, reason, error);
    if (error) this.#sink.fail(error);
  }

  #drop(code: number, reason: string): void {
    const link = this.#link;
    this.#link = this.ready = null;
    this.#serial++;
    this.#timers.clearAll();
    if (this.state === "connected") this.state = "connecting";
    link?.end(code, reason);
    this.#sink.lost();
  }

  #pause(delayMs?: number): void {
    this.#timers.clearAll();
    this.#serial++;
    if (this.#isSuspended) return;
    const backoff = backoffMs(this.#isOffline ? LATE : this.#attempt++, this.#ports.random());
    // Asked to wait, the crowd waits at least so long, and still does not come back at one moment.
    const waitMs = delayMs === undefined ? backoff : delayMs && delayMs + backoff;
    this.#timers.set("retry", waitMs, () => this.#begin());
  }

  #change(state: ConnectionState, code?: number, reason = "", error?: CarillonError): void {
    this.state = state;
    this.#sink.changed({ state, code, reason, error });
  }
}
