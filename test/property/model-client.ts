import type { ConnectResult, Item, ItemsPush, GapPush, Publisher, Resend } from "@carillon/protocol";
import type { MemoryConnection, Received } from "@carillon/server/testing";
import { decodeBinaryFrame, decodeTextFrame, encodeBinaryFrame, type WireMessage } from "./wire.ts";
import { demand } from "./violation.ts";

/** A payload as a model client compares it: JSON text, `b:` and base64, or null for an erased one. */
export type Shown = string | null;

/** An entry of a state channel, as a client sees it. */
export interface ShownEntry {
  readonly version: number;
  readonly value: Shown;
  readonly owner: Publisher | null;
}

/** What a client knows of one channel. */
export interface View {
  readonly channel: string;
  isWanted: boolean;
  status: "none" | "subscribing" | "subscribed" | "unsubscribing";
  position: string | null;
  /** The server said that there is nothing to be caught up. */
  isLive: boolean;
  /** The subscription began with a position, and nothing of the channel has come since. */
  isResuming: boolean;
  readonly entries: Map<string, ShownEntry>;
  /** Latest payload of each publication seen since the last gap. */
  readonly payloads: Map<string, Shown>;
}

/** A publish or amend, until it has a final answer and after. */
export interface Attempt {
  readonly channel: string;
  readonly id: string;
  /** Set for an amendment: the publication that changes. */
  readonly target: string | null;
  readonly value: Shown;
  readonly expiresInMs: number;
  /** What the first attempt was made under; null: it was not made yet. */
  first: Resend | null;
  state: "queued" | "sent" | "waiting" | "accepted" | "rejected" | "uncertain";
  result: { readonly pos: string; readonly at: number } | null;
}

/** Who judges what a client is told, at the moment it is told. */
export interface Judge {
  started(client: ModelClient, view: View, asked: string | null, pos: string | null, isLive: boolean): void;
  items(client: ModelClient, view: View, push: ItemsPush, values: readonly Shown[]): void;
  gap(client: ModelClient, view: View, push: GapPush): void;
  accepted(client: ModelClient, attempt: Attempt, result: { readonly pos: string; readonly at: number }): void;
  refused(client: ModelClient, attempt: Attempt, code: string): void;
  history(client: ModelClient, channel: string, page: { prev: string; pos: string; items: readonly Item[]; more: boolean }, values: readonly Shown[]): void;
}

/** What a client needs of the world. */
export interface ClientWorld {
  accept(): MemoryConnection;
  ticket(user: string): string;
  nowMs(): number;
  after(delayMs: number, callback: () => void): void;
}

type Reply = WireMessage & { readonly ok?: Record<string, unknown>; readonly error?: { readonly code: string; readonly retry: boolean } };

/** How long a client waits before it sends what failed with `retry` again. */
const RETRY_MS = 1_000;

/**
 * A client written from PROTOCOL.md alone, as plain as can be: it keeps one position per channel, takes a push only if
 * it links to that, comes back with what it has, and sends what was not confirmed again with the same id.
 */
export class ModelClient {
  readonly name: string;
  readonly user: string;
  readonly views = new Map<string, View>();
  /** Published and not yet answered for good, in order. */
  unconfirmed: Attempt[] = [];
  readonly confirmed: Attempt[] = [];
  /** Entries to be set again after a reconnect: key absent means the instance's own. */
  readonly own = new Map<string, { readonly channel: string; readonly key: string | undefined; readonly value: string }>();
  isStalled = false;
  connection: MemoryConnection | null = null;
  instance: string | null = null;
  session: string | null = null;
  isConnected = false;
  readonly #world: ClientWorld;
  readonly #judge: Judge;
  #resume: string | null = null;
  #pending = new Map<number, (reply: Reply) => void>();
  #nextId = 1;
  #idempotencyEpoch = "";
  #serverAheadMs = 0;

  constructor(name: string, user: string, world: ClientWorld, judge: Judge) {
    this.name = name;
    this.user = user;
    this.#world = world;
    this.#judge = judge;
  }

  get isOnline(): boolean {
    return this.connection !== null;
  }

  /** True while the server owes an answer. */
  get isWaiting(): boolean {
    return this.#pending.size > 0 || this.unconfirmed.some(({ state }) => state !== "queued");
  }

  /** Connects, with what was subscribed pipelined behind. */
  connect(): void {
    if (this.connection !== null) return;
    this.connection = this.#world.accept();
    this.isStalled = false;
    this.#pending = new Map();
    this.#nextId = 1;
    const credential = this.#resume === null ? { ticket: this.#world.ticket(this.user) } : { resume: this.#resume };
    this.#ask({ cmd: "connect", ...credential }, (reply) => this.#connected(reply));
    for (const view of this.views.values()) if (view.isWanted) this.#sendSubscribe(view, 0);
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
    this.#forgetInstance();
  }

  /** Takes what has come, unless the reader is stalled. */
  read(): boolean {
    if (this.isStalled || this.connection === null) return false;
    const received = this.connection.read();
    for (const frame of received) this.#take(frame);
    return received.length > 0;
  }

  view(channel: string): View {
    let view = this.views.get(channel);
    if (view === undefined) {
      view = { channel, isWanted: false, status: "none", position: null, isLive: false, isResuming: false, entries: new Map(), payloads: new Map() };
      this.views.set(channel, view);
    }
    return view;
  }

  /** Subscribes; with `history` publications back if it has no position. */
  subscribe(channel: string, history: number): void {
    const view = this.view(channel);
    view.isWanted = true;
    if (this.isConnected && view.status === "none") this.#sendSubscribe(view, history);
  }

  unsubscribe(channel: string): void {
    const view = this.view(channel);
    view.isWanted = false;
    if (view.status !== "subscribed" || !this.isConnected) return;
    view.status = "unsubscribing";
    this.#ask({ cmd: "unsubscribe", channel }, (reply) => {
      demand(reply.ok !== undefined, () => `${this.name}: unsubscribe from ${channel} failed`);
      this.#ended(view);
      if (view.isWanted) this.#sendSubscribe(view, 0);
    });
  }

  /** Forgets where it was in a channel that it is not subscribed to. */
  forget(channel: string): void {
    const view = this.view(channel);
    if (view.status !== "none" || view.isWanted) return;
    view.position = null;
    view.entries.clear();
    view.payloads.clear();
  }

  /** Publishes, or amends with a target. While offline it waits. */
  publish(attempt: Omit<Attempt, "first" | "state" | "result">): void {
    const full: Attempt = { ...attempt, first: null, state: "queued", result: null };
    // Behind one that has to be sent again, it waits: sent now, it might overtake it.
    if (this.unconfirmed.some((other) => other.channel === full.channel && other.state === "waiting")) full.state = "waiting";
    this.unconfirmed.push(full);
    if (this.isConnected && full.state === "queued") this.#sendAttempt(full);
  }

  /** Sends a confirmed attempt once more, possibly with other data under the same id. */
  repeat(attempt: Attempt, value: Shown): void {
    if (!this.isConnected) return;
    const again: Attempt = { ...attempt, value };
    this.#ask(commandOf(again, attempt.first), (reply) => {
      if (reply.ok !== undefined) this.#judge.accepted(this, again, resultOf(reply.ok));
      else this.#judge.refused(this, again, reply.error?.code ?? "");
    });
  }

  /** Sets an entry; `isOwned`: it ends with the instance, so it is set again after a reconnect. */
  set(channel: string, key: string | undefined, value: string, isOwned: boolean, expect?: number): void {
    if (!this.isConnected) return;
    const slot = `${channel} ${key ?? ""}`;
    const fields = { channel, data: JSON.parse(value) as unknown, ...(key === undefined ? {} : { key }) };
    this.#ask({ cmd: "set", ...fields, ...(expect === undefined ? {} : { expect }) }, (reply) => {
      if (!isOwned) return;
      if (reply.ok !== undefined) this.own.set(slot, { channel, key, value });
      else if (reply.error?.code === "not_owner") this.own.delete(slot);
    });
  }

  remove(channel: string, key: string | undefined, expect?: number): void {
    if (!this.isConnected) return;
    this.own.delete(`${channel} ${key ?? ""}`);
    const fields = { channel, ...(key === undefined ? {} : { key }), ...(expect === undefined ? {} : { expect }) };
    this.#ask({ cmd: "remove", ...fields }, () => {});
  }

  history(channel: string, limit: number): void {
    if (!this.isConnected) return;
    this.#ask({ cmd: "history", channel, limit }, (reply) => {
      demand(reply.ok !== undefined, () => `${this.name}: history of ${channel} failed`);
      const page = reply.ok as unknown as Parameters<Judge["history"]>[2];
      this.#judge.history(this, channel, page, shownOf(page.items, reply.body));
    });
  }

  #connected(reply: Reply): void {
    // A refusal is followed by a close, whose code says what to do.
    if (reply.ok === undefined) return;
    const result = reply.ok as unknown as ConnectResult;
    if (this.instance !== null && this.instance !== result.instance) this.#forgetInstance();
    this.instance = result.instance;
    this.session = result.session;
    this.#resume = result.resume ?? null;
    this.#idempotencyEpoch = result.idempotency.epoch;
    this.#serverAheadMs = result.time - this.#world.nowMs();
    this.isConnected = true;
    this.#send({ cmd: "pong" });
    for (const { channel, key, value } of this.own.values()) this.set(channel, key, value, true);
    for (const attempt of [...this.unconfirmed]) this.#sendAttempt(attempt);
    for (const view of this.views.values()) {
      if (view.isWanted && view.status === "none") this.#sendSubscribe(view, 0);
      if (!view.isWanted && view.status === "subscribed") this.unsubscribe(view.channel);
    }
  }

  #sendSubscribe(view: View, history: number): void {
    const asked = view.position;
    view.status = "subscribing";
    const from = asked !== null ? { position: asked } : history > 0 ? { history } : {};
    this.#ask({ cmd: "subscribe", channel: view.channel, ...from }, (reply) => {
      demand(reply.ok !== undefined, () => `${this.name}: subscribe to ${view.channel} got ${reply.error?.code}`);
      const { pos, live } = reply.ok as { pos: string | null; live: boolean };
      this.#judge.started(this, view, asked, pos, live);
      view.status = "subscribed";
      view.position = pos;
      view.isLive = live;
      view.isResuming = asked !== null;
      if (pos === null) view.entries.clear();
      if (!view.isWanted) this.unsubscribe(view.channel);
    });
  }

  #sendAttempt(attempt: Attempt): void {
    const resend = attempt.first;
    attempt.first ??= { epoch: this.#idempotencyEpoch, at: this.#world.nowMs() + this.#serverAheadMs };
    attempt.state = "sent";
    this.#ask(commandOf(attempt, resend), (reply) => {
      if (reply.ok !== undefined) return this.#confirm(attempt, resultOf(reply.ok));
      const { code = "", retry = false } = reply.error ?? {};
      this.#judge.refused(this, attempt, code);
      if (!retry) return this.#conclude(attempt, code === "epoch_changed" ? "uncertain" : "rejected");
      attempt.state = "waiting";
      this.#retryLater(attempt.channel);
    });
  }

  /** Sends again all that wait, in their order, once no answer is missing: what is under way is refused as well. */
  #retryLater(channel: string): void {
    const { connection } = this;
    this.#world.after(RETRY_MS, () => {
      if (this.connection !== connection) return;
      const attempts = this.unconfirmed.filter((attempt) => attempt.channel === channel);
      if (attempts.some(({ state }) => state === "sent")) return this.#retryLater(channel);
      for (const attempt of attempts) if (attempt.state === "waiting") this.#sendAttempt(attempt);
    });
  }

  #confirm(attempt: Attempt, result: { readonly pos: string; readonly at: number }): void {
    this.#judge.accepted(this, attempt, result);
    attempt.result = result;
    this.#conclude(attempt, "accepted");
    this.confirmed.push(attempt);
  }

  #conclude(attempt: Attempt, state: Attempt["state"]): void {
    attempt.state = state;
    this.unconfirmed = this.unconfirmed.filter((other) => other !== attempt);
  }

  #ask(command: Record<string, unknown>, answered: (reply: Reply) => void): void {
    const id = this.#nextId++;
    this.#pending.set(id, answered);
    this.#send({ ...command, id });
  }

  #send(command: Record<string, unknown>): void {
    const { bytes, ...rest } = command;
    if (bytes instanceof Uint8Array) this.connection?.send(encodeBinaryFrame({ ...rest, bytes: bytes.byteLength }, bytes));
    else this.connection?.send(JSON.stringify(command));
  }

  #take(frame: Received): void {
    if (frame.type === "closed") return this.#closed(frame.code);
    const messages = frame.type === "text" ? decodeTextFrame(frame.payload) : decodeBinaryFrame(frame.payload);
    for (const message of messages) this.#message(message);
  }

  #message(message: WireMessage): void {
    if (typeof message["re"] === "number") {
      const answered = this.#pending.get(message["re"]);
      demand(answered !== undefined, () => `${this.name}: a reply to a command that was not sent or has its reply`);
      this.#pending.delete(message["re"]);
      return answered(message as Reply);
    }
    switch (message["push"]) {
      case "items":
        return this.#items(message as unknown as ItemsPush, message.body);
      case "gap":
        return this.#gap(message as unknown as GapPush);
      case "live": {
        const view = this.#subscribed(message["channel"]);
        demand(view.position === message["pos"], () => `${this.name}: live at another place in ${view.channel}`);
        view.isLive = true;
        return;
      }
      case "heartbeat":
        return this.#send({ cmd: "pong" });
      default:
        demand(false, () => `${this.name}: an unexpected push, ${JSON.stringify(message)}`);
    }
  }

  /** The view of a channel of which a push may come: after the reply to subscribe, before that to unsubscribe. */
  #subscribed(channel: unknown): View {
    const view = this.views.get(String(channel));
    const isOpen = view !== undefined && (view.status === "subscribed" || view.status === "unsubscribing");
    demand(isOpen, () => `P1, ${this.name}: a push of ${String(channel)} outside of a subscription (${view?.status})`);
    return view as View;
  }

  #items(push: ItemsPush, body: Uint8Array): void {
    const view = this.#subscribed(push.channel);
    if (push.reset === true) {
      view.position = null;
      view.entries.clear();
    }
    demand(push.prev === view.position, () => `P1, ${this.name}: items of ${push.channel} after ${push.prev}, at ${view.position}`);
    const values = shownOf(push.items, body);
    this.#judge.items(this, view, push, values);
    push.items.forEach((item, index) => {
      if (!("key" in item)) view.payloads.set("amend" in item ? item.amend : item.id, values[index] ?? null);
      else if ("removed" in item) view.entries.delete(item.key);
      else view.entries.set(item.key, { version: item.version, value: values[index] ?? null, owner: item.owner ?? null });
    });
    view.position = push.pos;
    view.isResuming = false;
  }

  #gap(push: GapPush): void {
    const view = this.#subscribed(push.channel);
    demand(push.from === view.position, () => `P4, ${this.name}: a gap of ${push.channel} from ${push.from}, at ${view.position}`);
    this.#judge.gap(this, view, push);
    view.payloads.clear();
    view.position = push.to;
    view.isResuming = false;
  }

  #closed(code: number): void {
    this.#lost();
    // 4100 and above: the credential is worth nothing any more.
    if (code >= 4100) this.#resume = null;
  }

  #ended(view: View): void {
    view.status = "none";
    view.isLive = false;
    view.isResuming = false;
    // Half a snapshot can't be resumed from.
    if (view.position === null) view.entries.clear();
  }

  #lost(): void {
    this.connection = null;
    this.isConnected = false;
    this.isStalled = false;
    this.#pending = new Map();
    for (const view of this.views.values()) this.#ended(view);
    for (const attempt of this.unconfirmed) attempt.state = "queued";
  }

  /** A new instance is another scope: what was attempted in the old one can't be checked any more. */
  #forgetInstance(): void {
    this.#resume = null;
    this.instance = null;
    this.own.clear();
    this.confirmed.length = 0;
    for (const attempt of this.unconfirmed) if (attempt.first !== null) attempt.state = "uncertain";
    this.unconfirmed = this.unconfirmed.filter(({ state }) => state !== "uncertain");
  }
}

function commandOf({ channel, id, target, value, expiresInMs }: Attempt, resend: Resend | null): Record<string, unknown> {
  const payload = value === null ? { erased: true } : value.startsWith("b:") ? { bytes: Buffer.from(value.slice(2), "base64") } : { data: JSON.parse(value) as unknown };
  const again = resend === null ? {} : { resend };
  if (target !== null) return { cmd: "amend", channel, publication: target, amendment: id, ...payload, ...again };
  return { cmd: "publish", channel, publication: id, ...payload, ...again, ...(expiresInMs === 0 ? {} : { expiresInMs }) };
}

function resultOf(ok: Record<string, unknown>): { readonly pos: string; readonly at: number } {
  return ok as { pos: string; at: number };
}

/** The payloads of items, in order; bytes follow the head of a binary frame. */
function shownOf(items: readonly Item[], body: Uint8Array): Shown[] {
  let offset = 0;
  return items.map((item) => {
    if ("removed" in item || item.erased === true) return null;
    if (item.bytes === undefined) return JSON.stringify(item.data);
    offset += item.bytes;
    return `b:${Buffer.from(body.subarray(offset - item.bytes, offset)).toString("base64")}`;
  });
}
