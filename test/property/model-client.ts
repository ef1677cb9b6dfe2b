import type { ConnectResult, Resend } from "@carillon/protocol";
import type { MemoryConnection, Received } from "@carillon/server/testing";
import { Attempts } from "./attempts.ts";
import type { HistoryTold, Judge } from "./judge.ts";
import { Subscriptions } from "./subscriptions.ts";
import { demand } from "./violation.ts";
import { decodeFrame, encodeCommand, shownOf, type Reply, type WireMessage } from "./wire.ts";

/** What a client needs of the world. */
export interface ClientWorld {
  accept(): MemoryConnection;
  ticket(user: string): string;
  nowMs(): number;
  after(delayMs: number, callback: () => void): void;
}

/** An entry that a client set and wants to keep. */
interface OwnEntry {
  readonly channel: string;
  /** Undefined: the instance's own. */
  readonly key: string | undefined;
  readonly value: string;
}

/** Closed with this or more, the resume credential is worth nothing any more. */
const TICKET_CODE = 4100;

/**
 * A client written from PROTOCOL.md alone, as plain as can be: it keeps one position per channel, takes a push only if
 * it links to that, comes back with what it has, and sends what was not confirmed again with the same id.
 */
export class ModelClient {
  readonly name: string;
  readonly judge: Judge;
  readonly attempts: Attempts = new Attempts(this);
  readonly subscriptions: Subscriptions = new Subscriptions(this);
  connection: MemoryConnection | null = null;
  isConnected = false;
  isStalled = false;
  readonly #user: string;
  readonly #world: ClientWorld;
  readonly #own = new Map<string, OwnEntry>();
  #instance: string | null = null;
  #resume: string | null = null;
  #pending = new Map<number, (reply: Reply) => void>();
  #nextId = 1;
  #epoch = "";
  #serverAheadMs = 0;

  constructor(name: string, user: string, world: ClientWorld, judge: Judge) {
    this.name = name;
    this.judge = judge;
    this.#user = user;
    this.#world = world;
  }

  /** True while the server owes an answer, or something is to be sent again. */
  get isBusy(): boolean {
    return this.#pending.size > 0 || this.attempts.isBusy;
  }

  /** Connects, with what was subscribed pipelined behind. */
  connect(): void {
    if (this.connection !== null) return;
    this.connection = this.#world.accept();
    const credential = this.#resume === null ? { ticket: this.#world.ticket(this.#user) } : { resume: this.#resume };
    this.ask({ cmd: "connect", ...credential }, (reply) => this.#connected(reply, "resume" in credential));
    this.subscriptions.connecting();
  }

  /** The connection breaks. `isNoticed`: the server learns of it at once. */
  cut(isNoticed: boolean): void {
    if (isNoticed) this.connection?.cut();
    else this.connection?.vanish();
    this.#lost();
  }

  /** Leaves for good: everything owned ends, and what is not confirmed stays uncertain. */
  leave(): void {
    this.connection?.leave();
    this.#lost();
    this.#resume = null;
    this.#forgetInstance();
  }

  /** Takes what has come, unless the reader is stalled. True if there was something. */
  read(): boolean {
    if (this.isStalled || this.connection === null) return false;
    const received = this.connection.read();
    for (const frame of received) this.#take(frame);
    return received.length > 0;
  }

  /** Sets an entry; `isOwned`: it ends with the instance, so it is set again after a reconnect. */
  set(entry: OwnEntry, isOwned: boolean, expect?: number): void {
    if (!this.isConnected) return;
    const { channel, key, value } = entry;
    const fields = { channel, data: JSON.parse(value) as unknown, ...(key === undefined ? {} : { key }) };
    this.ask({ cmd: "set", ...fields, ...(expect === undefined ? {} : { expect }) }, ({ ok, error }) => {
      if (isOwned && ok !== undefined) this.#own.set(`${channel} ${key}`, entry);
      if (error?.code === "not_owner") this.#own.delete(`${channel} ${key}`);
    });
  }

  remove(channel: string, key: string | undefined, expect?: number): void {
    if (!this.isConnected) return;
    this.#own.delete(`${channel} ${key}`);
    const fields = { channel, ...(key === undefined ? {} : { key }), ...(expect === undefined ? {} : { expect }) };
    this.ask({ cmd: "remove", ...fields }, () => {});
  }

  history(channel: string, limit: number): void {
    if (!this.isConnected) return;
    this.ask({ cmd: "history", channel, limit }, ({ ok, error, body }) => {
      if (error?.retry === true) return;
      demand(ok !== undefined, () => `${this.name}: history of ${channel} failed`);
      const page = ok as unknown as HistoryTold;
      this.judge.history(this.name, channel, page, shownOf(page.items, body));
    });
  }

  under(): Resend | null {
    return this.isConnected ? { epoch: this.#epoch, at: this.#world.nowMs() + this.#serverAheadMs } : null;
  }

  ask(command: Readonly<Record<string, unknown>>, answered: (reply: Reply) => void): void {
    const id = this.#nextId++;
    this.#pending.set(id, answered);
    this.connection?.send(encodeCommand({ ...command, id }));
  }

  later(delayMs: number, callback: () => void): void {
    const { connection } = this;
    this.#world.after(delayMs, () => {
      if (this.connection === connection) callback();
    });
  }

  #connected({ ok }: Reply, comesBack: boolean): void {
    // A refusal is followed by a close, whose code says what to do.
    if (ok === undefined) return;
    const result = ok as unknown as ConnectResult;
    if (this.#instance !== result.instance) this.#forgetInstance();
    this.#instance = result.instance;
    this.#resume = result.resume ?? null;
    this.#epoch = result.idempotency.epoch;
    this.#serverAheadMs = result.time - this.#world.nowMs();
    this.isConnected = true;
    if (comesBack) this.connection?.send(encodeCommand({ cmd: "pong" }));
    for (const entry of this.#own.values()) this.set(entry, true);
    this.attempts.connected();
    this.subscriptions.connecting();
  }

  #take(frame: Received): void {
    if (frame.type !== "closed") for (const message of decodeFrame(frame)) this.#message(message);
    else {
      this.#lost();
      if (frame.code >= TICKET_CODE) this.#resume = null;
    }
  }

  #message(message: WireMessage): void {
    const { re, push } = message;
    if (typeof re === "number") {
      const answered = this.#pending.get(re);
      demand(answered !== undefined, () => `${this.name}: a reply to a command that was not sent, or has its reply`);
      this.#pending.delete(re);
      answered(message);
    } else if (push === "heartbeat") this.connection?.send(encodeCommand({ cmd: "pong" }));
    else this.subscriptions.take(message);
  }

  #lost(): void {
    this.connection = null;
    this.isConnected = false;
    this.isStalled = false;
    this.#pending = new Map();
    this.#nextId = 1;
    this.subscriptions.lost();
    this.attempts.lost();
  }

  #forgetInstance(): void {
    this.#instance = null;
    this.#own.clear();
    this.attempts.forget();
  }
}
