import type { CarillonError, ErrorCode, Push } from "@carillon/protocol";
import type { Failure } from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import type { SmallMap } from "../core/small-map.ts";
import type { AdmissionReceipt, Refreshed } from "../policy/admission.ts";
import type { ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Connection } from "./connection.ts";
import type { Sender } from "./gulps.ts";
import type { ChangeEnded } from "./held-entries.ts";
import type { Identity, SessionHost } from "./host.ts";
import type { Lane } from "./lane.ts";
import type { Outbox } from "./outbox.ts";
import type { Subscription } from "./subscription.ts";

/** Fields of a message as they came: nothing about them is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** True for an object. */
export function isFields(head: unknown): head is Fields {
  return typeof head === "object" && head !== null && !Array.isArray(head);
}

/** Ends a command: exactly one of its methods is called, once; later calls do nothing. */
export interface Answerer {
  readonly id: number;
  /** Asks to be called if the command fails in a way that invites a repetition, before the next command is looked at. */
  whenRetryable(callback: () => void): void;
  ok(result: object): void;
  /** A result as JSON text: to put together what is mostly the same costs less than to make an object and take it apart. */
  okText(result: string): void;
  /** A reply that was encoded already. */
  okEncoded(bytes: Uint8Array): void;
  fail(code: ErrorCode, message: string): void;
  failWith(error: CarillonError): void;
  failure(failure: Failure): void;
}

/** An open session, as its commands see it. */
export interface CommandContext {
  /** Who it is to stores, among the sessions of its instance; see `formatHolder`. */
  readonly holder: string;
  readonly identity: Identity;
  readonly host: SessionHost;
  readonly connection: Connection;
  readonly outbox: Outbox;
  /** How fast the session publishes. */
  readonly sender: Sender;
  /** By channel name. */
  readonly subscriptions: SmallMap<Subscription>;
  /** False once the session has ended: what an answer brings then must be undone or left undone. */
  readonly isOpen: boolean;
  /** The lane of a channel, which keeps its commands in order. */
  lane(channel: string): Lane;
  /** The same if there is one: a channel without a lane has nothing that waits or is held back. */
  laneOf(channel: string): Lane | null;
  /** True when a publish must be refused now because another has to be sent again first (P2). */
  isHeld(channel: string, id: string): boolean;
  /** The user's grant for a target; asked once and remembered, and again if what is remembered is not enough. */
  grant(
    target: Target,
    isEnough: (grant: ResolvedGrant, target: Target) => boolean,
    done: (grant: ResolvedGrant | CarillonError) => void,
  ): void;
  /** The store has refused, as `not_owner`, what the grant allows for one's own: it is asked for again, now and then. */
  notEnough(target: Target): void;
  /** Makes a subscription that is attached to the hub already; `start` it after the reply. */
  createSubscription(target: Target): Subscription;
  /**
   * The instance is about to own an entry, which is remembered so that it ends with the session, and is set again should
   * the store lose it. What is returned has to be told the result; a failure: it owns in too many channels already.
   */
  setting(target: Target, key: string, data: Payload): ChangeEnded | Failure;
  /** An entry that the session may hold is about to be removed; null: it holds none. */
  removing(target: Target, key: string): ChangeEnded | null;
  /** A later session of the instance has done something: this one ends. */
  replaced(): void;
  /** Names the stored credentials of the session. */
  readonly receipt: AdmissionReceipt;
  /** A new ticket was taken: its user's claims and its lifetime are in force from now on. */
  refreshed(refreshed: Refreshed): void;
  push(message: Push): void;
}

/** A command: its fields read and checked, then carried out. */
export interface Command<Input> {
  /** The input, or a sentence that says what was expected and what came. */
  read(fields: Fields, body: Uint8Array): Input | string;
  /** Carries it out and answers, within the call or later. */
  run(context: CommandContext, input: Input, answer: Answerer): void;
}
