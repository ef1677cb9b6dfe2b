import { CarillonError, type ChannelKind, type GapReason, type Position } from "@carillon/protocol";
import type { Emitter } from "./emitter.ts";
import { Entries, type Change } from "./entries.ts";
import { isFields, isText, type Fields } from "./fields.ts";
import {
  readAmendment,
  readPublication,
  takeFrom,
  type Amendment,
  type Publication,
  type Take,
  type Tombstone,
} from "./items.ts";
import { readError, type Answer, type Link } from "./link.ts";
import type { ClientPorts } from "./ports.ts";
import { TimerSet } from "./timer-set.ts";

/** `subscribing` includes every pause: the subscription will be back by itself. `unsubscribed`: it won't. */
export type SubscriptionState = "unsubscribed" | "subscribing" | "subscribed";

/** A change of a subscription's state. */
export interface SubscriptionChange {
  readonly state: SubscriptionState;
  /** Why the server refused or ended it; undefined for every other change. */
  readonly error: CarillonError | undefined;
}

/** An announced discontinuity of a log. */
export interface Gap {
  readonly from: Position;
  readonly to: Position;
  /** A newer server may know other reasons. */
  readonly reason: GapReason | (string & {});
}

/** What a channel tells, by event. */
export interface SubscriptionEvents {
  publication: Publication;
  tombstone: Tombstone;
  amend: Amendment;
  gap: Gap;
  change: readonly Change[];
  live: Position | null;
  state: SubscriptionChange;
  error: CarillonError;
}

/** Settings of a subscription. */
export interface SubscribeOptions {
  /** Log channels: start so many publications back. Default: at the end of the log. */
  readonly history?: number | undefined;
  /** Start after this position, which an earlier subscription had. Wins over `history`. */
  readonly position?: Position | undefined;
  /** False: publications of this instance are not delivered to it. Default true. */
  readonly echo?: boolean | undefined;
}

/** What a subscription needs of its instance. */
export interface SubscriptionHost {
  /** The link, once connected. */
  link(): Link | null;
  /** True for an id that this client has or had. */
  isOwn(instance: string | undefined): boolean;
  /** Takes an error that no listener of the channel took. */
  fail(error: CarillonError): void;
  /** An entry with this version is shown as ours, or as ended. */
  shown(channel: string, key: string, version: number, isRemoved: boolean): void;
}

/** Takes the outcome of a wish to subscribe: null, or why not. */
export type Subscribed = (error: CarillonError | null) => void;

/**
 * The subscription machine: keeps one channel followed, in order and without a hole, over any number of links.
 *
 *     unsubscribed ──subscribe()──▶ subscribing ──reply──▶ subscribed
 *          ▲                         │   ▲                    │
 *          └─ refused, unsubscribe() ┘   └─ link lost, `prev` is not the position, ended with `retry`
 *
 * The receiver's rule: an `items` push is taken only if its `prev` is the position; otherwise the channel is
 * unsubscribed and subscribed again from the position, which makes the server send what is missing, or a gap.
 */
export class Subscription {
  readonly channel: string;
  readonly events: Emitter<SubscriptionEvents>;
  state: SubscriptionState = "unsubscribed";
  /** What the server says the channel is; null until it was subscribed once. */
  kind: ChannelKind | null = null;
  /** The place up to which everything was delivered. Survives lost links; `unsubscribe` forgets it. */
  position: Position | null = null;
  /** False while the server sends what was missed. */
  isLive = false;
  readonly entries: Entries = new Entries();
  readonly #host: SubscriptionHost;
  readonly #timers: TimerSet;
  #options: SubscribeOptions = {};
  /** Names the newest subscribe command or end; an answer to an older one is stale. */
  #serial = 0;
  #isSent = false;
  /** Changes when the subscription ends, not with its links. */
  #life = 0;
  /** Failures since the last push that was taken. */
  #attempt = 0;
  #waiting: Subscribed[] = [];

  constructor(channel: string, host: SubscriptionHost, ports: ClientPorts, events: Emitter<SubscriptionEvents>) {
    this.channel = channel;
    this.events = events;
    this.#host = host;
    this.#timers = new TimerSet(ports);
  }

  /** Subscribes, unless that is so already. `settle` is called once, at once or when it is decided. */
  subscribe(options: SubscribeOptions | undefined, settle: Subscribed): void {
    if (options) this.#options = options;
    if (this.state === "subscribed") {
      settle(null);
      return;
    }
    this.#waiting.push(settle);
    if (this.state === "unsubscribed") {
      this.position = this.#options.position ?? this.position;
      this.#change("subscribing");
    }
    this.flush(this.#host.link());
  }

  /** Ends the subscription and forgets position and entries: the next one starts anew. */
  unsubscribe(): void {
    if (this.state === "unsubscribed") return;
    this.#leave();
    this.position = null;
    this.#options = {};
    this.entries.reset();
    const changes = this.entries.settle();
    this.#end(undefined);
    if (changes.length) this.events.emit("change", changes);
  }

  /** Sends the command, if it is due and there is a link. */
  flush(link: Link | null): void {
    if (!link || this.#isSent || this.state !== "subscribing" || this.#timers.has("retry")) return;
    const { channel, position } = this;
    const start = position === null ? { history: this.#options.history } : { position };
    const serial = ++this.#serial;
    this.#isSent = true;
    link.request({ cmd: "subscribe", channel, ...start }, null, (answer) => {
      if (serial === this.#serial) this.#answered(answer);
    });
  }

  /** The link has ended; the subscription goes on with the next. */
  lost(): void {
    this.#forget();
    if (this.state === "subscribed") this.#change("subscribing");
  }

  /** The client is disconnected: who waits is told. The subscription starts again if the client does. */
  stop(error: CarillonError): void {
    this.#attempt = 0;
    this.#settle(error);
  }

  /** Takes a push of the channel. Throws when it is not well formed. */
  push(push: Fields, body: Uint8Array): void {
    if (push["push"] === "subscribed") {
      // Subscribed by the server from another place than ours, something would be missing: go on with our own.
      const isHere = this.position === null || this.position === push["pos"];
      if (this.state !== "subscribed" && isHere) this.#adopt(push);
      else if (!isHere && !this.#isSent) this.#resync();
      return;
    }
    if (this.state === "unsubscribed") return;
    if (push["push"] === "unsubscribed") {
      this.#ended(readError(push));
      return;
    }
    // What was sent before the reply to subscribe belongs to an earlier subscription.
    if (this.state !== "subscribed") return;
    if (push["push"] === "items") this.#take(push, body);
    else if (push["push"] === "gap") this.#jump(push);
    else if (push["push"] === "live") this.#live();
  }

  // --- subscribing ---

  #answered(answer: Answer): void {
    // On a lost link `lost` does the rest.
    if (!answer) return;
    this.#isSent = false;
    if (!(answer instanceof CarillonError)) this.#adopt(answer);
    else if (answer.code !== "already_subscribed") this.#ended(answer);
    else if (this.state !== "subscribed") this.#resync();
  }

  #adopt({ kind, pos, live }: Fields): void {
    if ((kind !== "log" && kind !== "state") || (pos !== null && !isText(pos)))
      throw new Error("Expected kind and pos.");
    this.kind = kind;
    this.position = pos;
    this.isLive = live === true;
    this.#change("subscribed");
    this.#settle(null);
    if (this.isLive && this.state === "subscribed") this.#live();
  }

  #ended(error: CarillonError): void {
    this.#forget();
    if (error.retry) this.#retry(error.retryAfterMs);
    else this.#end(error);
    if (!this.events.emit("error", error)) this.#host.fail(error);
  }

  #retry(leastMs?: number): void {
    this.#timers.retry("retry", this.#attempt++, leastMs, () => this.flush(this.#host.link()));
    this.#change("subscribing");
  }

  /** Starts again from the position. The first time at once; a server that never fits is asked more and more rarely. */
  #resync(): void {
    this.#leave();
    if (this.#attempt++) this.#retry();
    this.#change("subscribing");
    this.flush(this.#host.link());
  }

  /** Whatever is on its way does not count any more. */
  #forget(): void {
    this.#isSent = false;
    this.#serial++;
    this.#timers.clearAll();
  }

  #leave(): void {
    const { channel } = this;
    this.#forget();
    // Where there is nothing to unsubscribe, the server says so and nobody minds.
    this.#host.link()?.request({ cmd: "unsubscribe", channel }, null, () => {});
  }

  #end(error: CarillonError | undefined): void {
    this.#attempt = 0;
    this.#life++;
    this.#change("unsubscribed", error);
    this.#settle(error ?? new CarillonError("aborted", "Unsubscribed."));
  }

  #settle(error: CarillonError | null): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const settle of waiting) settle(error);
  }

  #change(state: SubscriptionState, error?: CarillonError): void {
    if (this.state === state) return;
    this.state = state;
    if (state !== "subscribed") this.isLive = false;
    this.events.emit("state", { state, error });
  }

  // --- delivering ---

  #take({ prev, pos, items, reset }: Fields, body: Uint8Array): void {
    const isState = this.kind === "state";
    if (!(isText(pos) || (isState && pos === null)) || !Array.isArray(items))
      throw new Error("Expected pos and items.");
    const isReset = isState && reset === true;
    if (prev !== this.position && !isReset) {
      this.#resync();
      return;
    }
    this.#attempt = 0;
    const take = takeFrom(body);
    if (isState) {
      // A snapshot ends with a `live` push. Until its last page there is no position to come back to.
      if (isReset) this.entries.reset();
      const changes = this.entries.apply(items, take);
      this.position = pos;
      this.#changed(changes);
    } else this.#deliver(items, take, pos);
  }

  #deliver(items: readonly unknown[], take: Take, pos: Position | null): void {
    // All is read before the first is delivered: if one can't be, the page comes again, and nothing of it twice.
    const emits = items.map((item) => this.#read(item, take));
    const life = this.#life;
    if (!emits.length) this.position = pos;
    for (const [index, emit] of emits.entries()) {
      // Whoever stores the position after each item has what follows delivered again, not lost, if the page ends here.
      if (index === emits.length - 1) this.position = pos;
      emit();
      // A listener may have ended the subscription.
      if (life !== this.#life) return;
    }
  }

  #read(item: unknown, take: Take): () => void {
    const { events } = this;
    if (isFields(item) && isText(item["amend"])) {
      const amendment = readAmendment(item["amend"], item, take);
      return () => events.emit("amend", amendment);
    }
    const publication = readPublication(item, take);
    return () => {
      if (publication?.erased) events.emit("tombstone", publication);
      else if (publication && !this.#isEcho(publication)) events.emit("publication", publication);
    };
  }

  #isEcho({ publisher }: Publication): boolean {
    return this.#options.echo === false && this.#host.isOwn(publisher?.instance);
  }

  #changed(changes: readonly Change[]): void {
    for (const change of changes) {
      const { key, version, removed } = change;
      if (version !== undefined && (removed || this.#host.isOwn(change.owner?.instance)))
        this.#host.shown(this.channel, key, version, removed);
    }
    if (changes.length) this.events.emit("change", changes);
  }

  #jump({ from, to, reason }: Fields): void {
    if (!isText(from) || !isText(to)) throw new Error("Expected from and to.");
    this.position = to;
    this.#attempt = 0;
    this.events.emit("gap", { from, to, reason: String(reason) });
  }

  #live(): void {
    this.isLive = true;
    this.#changed(this.entries.settle());
    this.events.emit("live", this.position);
  }
}
