import { CLOSE_CODES, presenceParent, type CarillonError, type Push } from "@carillon/protocol";
import type { Failure } from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import { flatText } from "../core/flat-text.ts";
import { formatHolder } from "../core/holder.ts";
import type { SmallMap } from "../core/small-map.ts";
import type { AdmissionReceipt, Admitted, Refreshed } from "../policy/admission.ts";
import type { ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { CommandContext } from "./command.ts";
import type { Connection } from "./connection.ts";
import { GrantCache } from "./grant-cache.ts";
import { Sender } from "./gulps.ts";
import { HeldEntries, type ChangeEnded } from "./held-entries.ts";
import type { Identity, OpenSession, SessionHost } from "./host.ts";
import { Lane, type Beats } from "./lane.ts";
import type { Outbox } from "./outbox.ts";
import { SessionIdentity } from "./session-identity.ts";
import type { Subscription } from "./subscription.ts";

/** What a context needs of its session. */
export interface ContextOwner extends OpenSession {
  readonly id: string;
  readonly host: SessionHost;
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly beats: Beats;
  readonly subscriptions: SmallMap<Subscription>;
  readonly isOpen: boolean;
  createSubscription(target: Target): Subscription;
  refreshed(refreshed: Refreshed): void;
  push(message: Push): void;
}

/** Lanes kept before idle ones are forgotten. */
const LANES_MAX = 64;

/**
 * What a session has once it is open: who speaks, what was granted, which commands run. It exists for as long as the
 * connection, so what most sessions never need is made when it is needed.
 */
export class SessionContext implements CommandContext {
  identity: Identity;
  receipt: AdmissionReceipt;
  readonly #owner: ContextOwner;
  /** One text for all that it sets; null until it changes something. */
  #holder: string | null = null;
  #grants: GrantCache | null = null;
  /** The lane that was used last; most sessions never have two at a time. */
  #lane: Lane | null = null;
  #otherLanes: Map<string, Lane> | null = null;
  #sender: Sender | null = null;
  /** What the session holds for its instance; null until it sets something. */
  heldEntries: HeldEntries | null = null;

  constructor(owner: ContextOwner, { user, instance, term, receipt }: Admitted) {
    this.#owner = owner;
    this.identity = new SessionIdentity(user, instance, term);
    this.receipt = receipt;
  }

  get holder(): string {
    const { instance, term } = this.identity;
    this.#holder ??= flatText(formatHolder(instance, term, this.#owner.id));
    return this.#holder;
  }

  get host(): SessionHost {
    return this.#owner.host;
  }

  get connection(): Connection {
    return this.#owner.connection;
  }

  get outbox(): Outbox {
    return this.#owner.outbox;
  }

  get sender(): Sender {
    this.#sender ??= new Sender(this.connection);
    return this.#sender;
  }

  get subscriptions(): SmallMap<Subscription> {
    return this.#owner.subscriptions;
  }

  get isOpen(): boolean {
    return this.#owner.isOpen;
  }

  /** Channels where the instance may own entries. */
  get held(): readonly Target[] {
    return this.heldEntries?.targets ?? [];
  }

  laneOf(channel: string): Lane | null {
    return this.#lane?.channel === channel ? this.#lane : (this.#otherLanes?.get(channel) ?? null);
  }

  isHeld(channel: string, id: string): boolean {
    const lane = this.laneOf(channel);
    return lane !== null && lane.isHolding && lane.isHeldFor(id, this.host.ports.monotonicMs());
  }

  lane(channel: string): Lane {
    const known = this.laneOf(channel);
    if (known !== null) return known;
    if (this.#lane?.isIdle === true) {
      this.#lane.reuse(channel);
      return this.#lane;
    }
    if (this.#lane !== null) this.#keepLane(this.#lane);
    this.#lane = new Lane(channel, this.#owner.beats);
    return this.#lane;
  }

  grant(
    target: Target,
    isEnough: (grant: ResolvedGrant, target: Target) => boolean,
    done: (grant: ResolvedGrant | CarillonError) => void,
  ): void {
    const { hooks, limits, ports } = this.host;
    this.#grants ??= new GrantCache(this.identity, hooks, ports, limits.grantsPerSession);
    this.#grants.get(target, isEnough, done);
  }

  notEnough(target: Target): void {
    this.#grants?.notEnough(target);
  }

  /** The permission in a channel has changed: the application is asked again. */
  forgetGrant(channel: string): void {
    this.#grants?.forget(presenceParent(channel) ?? channel);
  }

  createSubscription(target: Target): Subscription {
    return this.#owner.createSubscription(target);
  }

  replaced(): void {
    this.#owner.end(CLOSE_CODES.replaced.code, CLOSE_CODES.replaced.text, false);
  }

  setting(target: Target, key: string, data: Payload): ChangeEnded | Failure {
    this.heldEntries ??= this.#holdEntries();
    return this.heldEntries.setting(target, key, data);
  }

  removing(target: Target, key: string): ChangeEnded | null {
    return this.heldEntries?.removing(target, key) ?? null;
  }

  /** Takes what a refresh brought. Grants are asked for again, since they may depend on claims that have changed. */
  refreshed(refreshed: Refreshed): void {
    const { user, receipt } = refreshed;
    this.identity = new SessionIdentity(user, this.identity.instance, this.identity.term);
    this.receipt = receipt;
    this.#grants = null;
    this.#owner.refreshed(refreshed);
  }

  push(message: Push): void {
    this.#owner.push(message);
  }

  #holdEntries(): HeldEntries {
    const { limits, ports, remembersEntries: remembers } = this.host;
    const { publisher } = this.identity;
    return new HeldEntries({
      holder: this.holder,
      publisher,
      limits,
      ports,
      remembers,
      restorable: () => this.host.restorable(this.#owner),
      replaced: () => this.replaced(),
      unrestorable: () => this.#owner.end(CLOSE_CODES.entries_lost.code, CLOSE_CODES.entries_lost.text, false),
    });
  }

  #keepLane(lane: Lane): void {
    this.#otherLanes ??= new Map();
    if (this.#otherLanes.size >= LANES_MAX) {
      for (const [name, { isIdle }] of this.#otherLanes) if (isIdle) this.#otherLanes.delete(name);
    }
    this.#otherLanes.set(lane.channel, lane);
  }
}
