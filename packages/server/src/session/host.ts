import type { CarillonError, Json, Position, Publisher, ServerMessage } from "@carillon/protocol";
import type { Answer, AppendRequest, ApplyRequest, HistoryPage } from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import type { Faults } from "../core/faults.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Ports } from "../core/ports.ts";
import type { SmallMap } from "../core/small-map.ts";
import type { Group } from "../hub/group.ts";
import type { Hub } from "../hub/hub.ts";
import type { PageCache } from "../hub/page-cache.ts";
import type { Admission } from "../policy/admission.ts";
import type { ResolvedGrant } from "../policy/grant.ts";
import type { Rate } from "../policy/rate-limit.ts";
import type { Target } from "../policy/target.ts";
import type { ConnectTerms } from "./connect.ts";
import type { ConnectTimeouts } from "./connect-timeouts.ts";
import type { Connection, Framing } from "./connection.ts";
import type { Gulps } from "./gulps.ts";
import type { HeartbeatWheel } from "./heartbeat-wheel.ts";
import type { Outbox, OutboxOwner } from "./outbox.ts";

/** Who speaks on an open session. */
export interface Identity {
  readonly user: { readonly id: string };
  /** The id of the user as the ticket had it; the object is the application's, too. */
  readonly userId: string;
  readonly instance: string;
  /** Which of its instance's sessions this is; see `core/holder.ts`. */
  readonly term: number;
  /** Scope of the instance's publication ids. One text: it is kept with each of them. */
  readonly scope: string;
  /** The same as it travels with publications and entries; one object, shared by all of them. */
  readonly publisher: Publisher;
}

/** What a session leaves behind: who it was to stores, and the channels where its instance may own entries. */
export interface Held {
  readonly holder: string;
  readonly targets: readonly Target[];
}

/** A subscriber that has something to do at the end of the tick. */
export interface CatchingUp {
  step(): void;
}

/** A part of a log, from the position before it to the position after it. */
export interface Stretch {
  readonly prev: Position;
  readonly pos: Position;
}

/** What the registry and the control bus do with an open session. */
export interface OpenSession {
  readonly id: string;
  readonly identity: Identity;
  readonly connection: Pick<Connection, "remoteAddress">;
  /** By channel name. */
  readonly subscriptions: Pick<SmallMap<CatchingUp & { readonly channel: string }>, "values">;
  /** Ends it with a code; `isForGood`: its entries end at once and its credential is void. */
  end(code: number, reason: string, isForGood: boolean): void;
  /** Takes no further command: the node leaves, and what was taken is still answered. */
  stopReading(): void;
  /**
   * Ends it at once, and drops what is queued for it (P7); the peer is told by a code after which it comes back, when
   * `delayMs` are over. Until then nothing is read from it either.
   */
  drop(code: number, reason: string, delayMs: number): void;
  /** Entries of its in these channels, or everywhere, may have ended: true if it has some to set again. */
  ownershipLost(channels: ReadonlySet<string> | null): boolean;
  /** True while it has entries to set again. */
  readonly hasLostEntries: boolean;
  /** The changes that set them again; each is to be applied. */
  restorations(): readonly ApplyRequest[];
  subscribeFromServer(channel: string): void;
  unsubscribeFromServer(channel: string, reason: string): void;
  send(message: ServerMessage): void;
}

/** What the application is asked. Each answer comes once, within the call or later; a late one is passed over. */
export interface Hooks {
  /** The user's grant in a channel. */
  authorize(identity: Identity, target: Target, done: (grant: ResolvedGrant | CarillonError) => void): void;
  /** Checks a value against the target's schema and turns what it puts out into a payload. */
  validate(target: Target, value: unknown, done: (payload: Payload | CarillonError) => void): void;
  /** Runs a call of the contract. */
  call(identity: Identity, name: string, input: unknown, done: (output: Json | CarillonError) => void): void;
}

/** Who sends an append. */
export interface AppendSender {
  /** True when it must be refused now because another has to be sent again first (P2). */
  isHeld(channel: string, id: string): boolean;
}

/** The node, as its sessions see it. */
export interface SessionHost extends OutboxOwner {
  readonly ports: Ports;
  readonly limits: Limits;
  /** How fast a session may send commands; as `limits` says. */
  readonly commandRate: Rate;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly admission: Admission;
  readonly faults: Faults;
  readonly hooks: Hooks;
  readonly hub: Hub;
  readonly pages: PageCache;
  readonly wheel: HeartbeatWheel;
  readonly connectTimeouts: ConnectTimeouts;
  readonly connectTerms: ConnectTerms;
  readonly gulps: Gulps;
  readonly contractVersion: number;
  readonly idempotencyEpoch: string;
  target(name: string): Target | null;
  group(framing: Framing): Group;
  /** Appends at the end of the tick, in the order of the calls; unless its sender says then that it must not. */
  append(request: AppendRequest, sender?: AppendSender): void;
  /** Changes state at the end of the tick, in the order of the calls. */
  apply(request: ApplyRequest): void;
  history(target: Target, before: string | null, limit: number, done: (answer: Answer<HistoryPage>) => void): void;
  /** Where the newest publications of a log begin and end, that many of them. */
  rewind(target: Target, count: number, done: (answer: Answer<Stretch>) => void): void;
  /** True: the store may lose entries while their sessions live. */
  readonly remembersEntries: boolean;
  /** The session has entries that can be set again now. */
  restorable(session: OpenSession): void;
  /** Calls `step` at the end of this tick, or of the next if this one is ending. */
  catchUp(subscription: CatchingUp): void;
  /** Writes what an outbox has collected, before the end of the tick: its connection is about to close. */
  flushOutbox(outbox: Outbox): void;
  /** Registers a session whose connect succeeded, or says why there is no room for it. */
  opened(session: OpenSession): CarillonError | null;
  /**
   * The connect reply is on its way: ends an older session of an instance that `comesBack`, makes server-side
   * subscriptions.
   */
  greet(session: OpenSession, comesBack: boolean): void;
  /** The session has ended. `held`: where its instance may own entries that it holds; null: nowhere. */
  closed(session: OpenSession, held: Held | null, isForGood: boolean): void;
}
