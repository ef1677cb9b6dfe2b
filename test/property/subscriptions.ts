import type { GapPush, ItemsPush, Publisher } from "@carillon/protocol";
import type { Judge } from "./judge.ts";
import { demand } from "./violation.ts";
import { shownOf, type Reply, type Shown, type WireMessage } from "./wire.ts";

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
  /** The server began it elsewhere: what comes is passed over until it is begun again. */
  isForeign: boolean;
  readonly entries: Map<string, ShownEntry>;
  /** Latest payload of each publication seen since the last gap. */
  readonly payloads: Map<string, Shown>;
}

/** What the subscriptions need of their client. */
export interface SubscriptionsHost {
  readonly name: string;
  readonly judge: Judge;
  readonly isConnected: boolean;
  ask(command: Readonly<Record<string, unknown>>, answered: (reply: Reply) => void): void;
  /** Later, if the connection is still the same. */
  later(delayMs: number, callback: () => void): void;
}

/** How long a client waits before it asks again for what failed with `retry`. */
const RETRY_MS = 1_000;

/** One position per channel, and the receiver's rule: a push is taken only if it links to it. */
export class Subscriptions {
  readonly #views = new Map<string, View>();
  readonly #host: SubscriptionsHost;

  constructor(host: SubscriptionsHost) {
    this.#host = host;
  }

  views(): Iterable<View> {
    return this.#views.values();
  }

  /** Subscribes; with `history` publications back if it has no position. */
  subscribe(channel: string, history: number): void {
    const view = this.#view(channel);
    view.isWanted = true;
    if (this.#host.isConnected && view.status === "none") this.#subscribe(view, history);
  }

  unsubscribe(channel: string): void {
    const view = this.#view(channel);
    view.isWanted = false;
    if (view.status === "subscribed" && this.#host.isConnected) this.#unsubscribe(view);
  }

  /** Forgets where it was in a channel that it is not subscribed to. */
  forget(channel: string): void {
    const view = this.#view(channel);
    if (view.status !== "none" || view.isWanted) return;
    view.position = null;
    view.entries.clear();
    view.payloads.clear();
  }

  /** Subscribes to all that is wanted; pipelined behind a connect, or after it. */
  connecting(): void {
    for (const view of this.#views.values()) if (view.isWanted && view.status === "none") this.#subscribe(view, 0);
  }

  /** The connection is lost, and with it every subscription; positions stay. */
  lost(): void {
    for (const view of this.#views.values()) this.#end(view);
  }

  /** Takes a push of a channel. */
  take(message: WireMessage): void {
    const { push } = message;
    if (push === "subscribed") return this.#subscribedByServer(message);
    const view = this.#open(message["channel"]);
    if (push === "unsubscribed") {
      this.#end(view);
      view.isWanted &&= message["retry"] === true;
    } else if (view.isForeign) return;
    else if (push === "items") this.#items(view, message as unknown as ItemsPush, message.body);
    else if (push === "gap") this.#gap(view, message as unknown as GapPush);
    else if (push === "live") {
      demand(view.position === message["pos"], () => `${this.#host.name}: live at another place in ${view.channel}`);
      view.isLive = true;
    } else demand(false, () => `${this.#host.name}: an unexpected push, ${JSON.stringify(message)}`);
  }

  #view(channel: string): View {
    const known = this.#views.get(channel);
    if (known !== undefined) return known;
    const flags = { isWanted: false, isLive: false, isResuming: false, isForeign: false };
    const view: View = { channel, status: "none", position: null, ...flags, entries: new Map(), payloads: new Map() };
    this.#views.set(channel, view);
    return view;
  }

  #subscribe(view: View, history: number): void {
    const asked = view.position;
    view.status = "subscribing";
    const from = asked !== null ? { position: asked } : history > 0 ? { history } : {};
    this.#host.ask({ cmd: "subscribe", channel: view.channel, ...from }, ({ ok, error }) => {
      // The server was faster, and has said where.
      if (error?.code === "already_subscribed") return;
      if (error?.retry === true) return this.#subscribeLater(view, history);
      demand(ok !== undefined, () => `${this.#host.name}: subscribe to ${view.channel} got ${error?.code}`);
      this.#begin(view, asked, ok as unknown as { pos: string | null; live: boolean });
    });
  }

  #subscribeLater(view: View, history: number): void {
    view.status = "none";
    this.#host.later(RETRY_MS, () => {
      if (view.isWanted && view.status === "none") this.#subscribe(view, history);
    });
  }

  #begin(
    view: View,
    asked: string | null,
    { pos, live }: { readonly pos: string | null; readonly live: boolean },
  ): void {
    this.#host.judge.started(this.#host.name, view, asked, pos);
    view.status = "subscribed";
    view.position = pos;
    view.isLive = live;
    view.isResuming = asked !== null;
    if (pos === null) view.entries.clear();
    if (!view.isWanted) this.#unsubscribe(view);
  }

  #subscribedByServer(message: WireMessage): void {
    const view = this.#view(String(message["channel"]));
    const result = message as unknown as { readonly pos: string | null; readonly live: boolean };
    demand(view.status === "none" || view.status === "subscribing", () => `${this.#host.name}: subscribed twice`);
    // Where it has been before, it must go on from there; there is nothing to lose where it has not.
    const isElsewhere = view.position !== null && view.position !== result.pos;
    view.isWanted = true;
    if (!isElsewhere) return this.#begin(view, null, result);
    view.isForeign = true;
    this.#unsubscribe(view);
  }

  #unsubscribe(view: View): void {
    view.status = "unsubscribing";
    this.#host.ask({ cmd: "unsubscribe", channel: view.channel }, ({ error }) => {
      // The server may have ended it first, and said so.
      if (error !== undefined && view.status !== "unsubscribing") return;
      demand(error === undefined, () => `${this.#host.name}: unsubscribe from ${view.channel} got ${error?.code}`);
      this.#end(view);
      if (view.isWanted) this.#subscribe(view, 0);
    });
  }

  /** The view of a channel of which a push may come: after the reply to subscribe, before that to unsubscribe. */
  #open(channel: unknown): View {
    const view = this.#views.get(String(channel));
    const isOpen = view?.status === "subscribed" || view?.status === "unsubscribing";
    demand(isOpen, () => `P1, ${this.#host.name}: a push of ${String(channel)}, which is ${view?.status}`);
    return view;
  }

  #items(view: View, push: ItemsPush, body: Uint8Array): void {
    const { channel, prev, pos, items, reset } = push;
    if (reset === true) {
      view.position = null;
      view.entries.clear();
    }
    demand(
      prev === view.position,
      () => `P1, ${this.#host.name}: ${channel} goes on at ${prev}, not at ${view.position}`,
    );
    const values = shownOf(items, body);
    this.#host.judge.items(this.#host.name, view, push, values);
    items.forEach((item, index) => {
      const value = values[index] ?? null;
      if (!("key" in item)) view.payloads.set("amend" in item ? item.amend : item.id, value);
      else if ("removed" in item) view.entries.delete(item.key);
      else view.entries.set(item.key, { version: item.version, value, owner: item.owner ?? null });
    });
    view.position = pos;
    view.isResuming = false;
  }

  #gap(view: View, push: GapPush): void {
    const { channel, from, to } = push;
    demand(
      from === view.position,
      () => `P4, ${this.#host.name}: a gap of ${channel} from ${from}, not ${view.position}`,
    );
    this.#host.judge.gap(this.#host.name, view, push);
    view.payloads.clear();
    view.position = to;
    view.isResuming = false;
  }

  #end(view: View): void {
    view.status = "none";
    view.isLive = false;
    view.isResuming = false;
    view.isForeign = false;
    // Half a snapshot can't be resumed from.
    if (view.position === null) view.entries.clear();
  }
}
