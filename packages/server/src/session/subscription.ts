import type { Position, Push } from "@carillon/protocol";
import type { Answer, Failure } from "../backplane/channel-store.ts";
import type { PageUnit, SnapshotUnits } from "../hub/page-cache.ts";
import type { Subscriber } from "../hub/subscriber.ts";
import type { Unit } from "../hub/unit.ts";
import type { Group } from "../hub/group.ts";
import type { Target } from "../policy/target.ts";
import type { CatchingUp, SessionHost } from "./host.ts";
import type { Outbox } from "./outbox.ts";

/** What a subscription needs of the session or peer that it belongs to. */
export interface SubscriptionOwner {
  readonly outbox: Outbox;
  push(message: Push): void;
  /** The store can't serve the channel any more. */
  failed(subscription: Subscription, failure: Failure): void;
}

/** How long to wait before the store is asked again for a page. */
const RETRY_MS = 1_000;
/** The rest of a snapshot that was sent, or of none. */
const NOTHING: readonly Unit[] = [];
/** No moment of any channel. */
const NEVER = -1;

/** Where a subscription is on its way to the top. */
interface CatchingUpState {
  /** A read is under way: its answer decides what comes next. */
  isReading: boolean;
  /** It waits for room in the outbox. */
  isWaiting: boolean;
  /** The channel's moment when the page under way was asked for. */
  askedAt: number;
  /** Units of a snapshot that are still to be sent. */
  snapshot: readonly Unit[];
}

/**
 * A session's subscription: `catching-up` by pages from its position, or `live` on the shared path. Recovery, healing
 * of a gap and a slow reader are the same thing here; they differ only in how the position came to be old.
 *
 *     catching-up ──page reached the top──▶ live ──unit does not fit──▶ catching-up
 */
export class Subscription implements Subscriber, CatchingUp {
  readonly target: Target;
  readonly group: Group;
  position: Position | null = null;
  slot: number = -1;
  readonly #host: SessionHost;
  readonly #owner: SubscriptionOwner;
  readonly #outbox: Outbox;
  #isEnded = false;
  /** Null while it is live: there are many of these, and nearly all are. */
  #catchingUp: CatchingUpState | null = null;

  constructor(target: Target, group: Group, host: SessionHost, owner: SubscriptionOwner) {
    this.target = target;
    this.#host = host;
    this.#owner = owner;
    this.#outbox = owner.outbox;
    this.group = group;
    host.metrics.subscriptions++;
  }

  get channel(): string {
    return this.target.name;
  }

  /** Starts delivery at a position; null: from a snapshot. The reply to subscribe has been sent. */
  start(position: Position | null, isLive: boolean): void {
    if (this.#isEnded) return;
    this.position = position;
    if (!isLive || !this.#host.hub.join(this, NEVER)) this.#catchUp();
  }

  offer(bytes: Uint8Array): boolean {
    return bytes.byteLength === 0 || this.#outbox.offer(bytes);
  }

  lagged(): void {
    this.#catchUp();
  }

  /** There is room in the outbox again. */
  drained(): void {
    if (this.#catchingUp?.isWaiting !== true) return;
    this.#catchingUp.isWaiting = false;
    this.#host.catchUp(this);
  }

  /** Does the next bounded piece of catching up. */
  step(): void {
    const state = this.#catchingUp;
    if (this.#isEnded || state === null || state.isReading) return;
    if (this.#mustWait(state)) return;
    if (state.snapshot.length > 0) return this.#sendSnapshot(state);
    state.isReading = true;
    state.askedAt = this.#host.hub.moment(this.channel);
    const { position } = this;
    const { name, options } = this.target;
    if (position === null) this.#host.pages.snapshot(name, options, (answer) => this.#onSnapshot(state, answer));
    else this.#host.pages.read(name, options, position, (answer) => this.#onPage(state, position, answer));
  }

  /** Ends it. Nothing of the channel is sent afterwards. */
  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#host.hub.leave(this);
    this.#host.hub.detach(this.target.name);
    this.#host.metrics.subscriptions--;
    if (this.#catchingUp !== null) this.#host.metrics.catchingUp--;
  }

  /**
   * True while the outbox is full: nothing is asked of the store, and what it answers is not taken. The place is kept,
   * the page is not: pages of all of a session's channels may come at once, and must not pile up.
   */
  #mustWait(state: CatchingUpState): boolean {
    state.isWaiting = this.#outbox.isFull;
    return state.isWaiting;
  }

  #catchUp(): void {
    if (this.#isEnded) return;
    if (this.#catchingUp === null) this.#host.metrics.catchingUp++;
    this.#catchingUp ??= { isReading: false, isWaiting: false, askedAt: 0, snapshot: NOTHING };
    this.#host.catchUp(this);
  }

  #onPage(state: CatchingUpState, after: Position, answer: Answer<PageUnit>): void {
    state.isReading = false;
    if (this.#isEnded || this.#mustWait(state)) return;
    if (!answer.ok) return this.#retry(answer);
    const { unit, prev, pos, gap, isEmpty, atTop } = answer.value;
    if (gap !== null) {
      this.#host.metrics.gaps++;
      // A state channel needs no gap: a snapshot has everything that a gap would hide.
      if (this.target.options.kind === "state") {
        this.position = null;
        return this.#host.catchUp(this);
      }
      this.#owner.push({ push: "gap", channel: this.target.name, from: after, to: prev, reason: gap });
    }
    if (!isEmpty) this.#outbox.push(unit.bytes(this.group));
    this.position = pos;
    if (atTop && this.#host.hub.join(this, state.askedAt)) this.#wentLive(pos);
    else this.#host.catchUp(this);
  }

  #onSnapshot(state: CatchingUpState, answer: Answer<SnapshotUnits>): void {
    state.isReading = false;
    if (this.#isEnded || this.#mustWait(state)) return;
    if (!answer.ok) return this.#retry(answer);
    state.snapshot = answer.value.units;
    this.#sendSnapshot(state);
  }

  #sendSnapshot(state: CatchingUpState): void {
    const [unit, ...rest] = state.snapshot;
    if (unit === undefined) return;
    state.snapshot = rest.length === 0 ? NOTHING : rest;
    this.#outbox.push(unit.bytes(this.group));
    // Only the last unit has a position; what changed since is read from there, like after any absence.
    if (unit.content.pos !== null) this.position = unit.content.pos;
    this.#host.catchUp(this);
  }

  #wentLive(pos: Position): void {
    this.#catchingUp = null;
    this.#host.metrics.catchingUp--;
    this.#owner.push({ push: "live", channel: this.target.name, pos });
  }

  #retry(failure: Failure): void {
    if (failure.code !== "unavailable" && failure.code !== "timeout" && failure.code !== "overloaded") {
      return this.#owner.failed(this, failure);
    }
    // Not cancelled when the subscription ends: `step` finds that out, and the wait is short.
    this.#host.ports.after(RETRY_MS, () => this.#host.catchUp(this));
  }
}
