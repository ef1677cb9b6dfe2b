import { RETRYABLE_CODES, type Position } from "@carillon/protocol";
import type { BackplaneContext, OpenBackplane } from "../../backplane/backplane.ts";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  Failure,
} from "../../backplane/channel-store.ts";
import type { ClusterNode, ControlMessage } from "../../backplane/control.ts";
import type { BrokerLink } from "./broker-link.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { Machine, World } from "./world.ts";

/** The broker can't be had now. */
export const UNAVAILABLE: Failure = { ok: false, code: "unavailable", message: "The broker can't be reached." };

/** Work on what the broker has, that is answered within the call. */
export type StoreWork<T> = (store: OpenBackplane, done: (answer: T) => void) => void;

/** The broker, as the link of a node sees it once a request has arrived there. */
export interface LinkBroker {
  readonly world: World;
  readonly random: SimulatedRandom;
  readonly isUp: boolean;
  /** Grows each time it becomes what it was before. */
  readonly life: number;
  /** The nodes that reach it. */
  readonly nodes: readonly ClusterNode[];
  /** What a node set under this name before it began anew, and did not set again, ends as that of a dead one. */
  left(incarnation: string): void;
  /** A link was cut: unless it is back before its lease is over, what its node's sessions hold ends. */
  lost(link: BrokerLink): void;
  /** Identity of the memory of publication ids. */
  readonly idempotencyEpoch: string;
  /** Control messages so far, oldest first. */
  readonly controls: readonly ControlMessage[];
  /** Where a channel stands. */
  top(channel: string, options: ChannelOptions): Position;
  /** Asks what is committed of a channel. */
  look<T>(channel: string, options: ChannelOptions, question: StoreWork<T>): T;
  /** Asks what is committed of the credentials. */
  lookUp<T>(question: StoreWork<Answer<T>>): Answer<T>;
  /** Changes the credentials. */
  credential<T>(work: StoreWork<Answer<T>>, done: (answer: Answer<T>) => void): void;
  /** Appends. `isRefused` is asked when its turn comes. */
  append(request: AppendRequest, isRefused: () => Failure | null, done: (result: AppendResult) => void): void;
  /** Changes a state, for a node. */
  apply(request: ApplyRequest, node: string, done: (result: ApplyResult) => void): void;
  /** Begins a new life of a channel. */
  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void;
  /** Tells every node. */
  control(message: ControlMessage): void;
}

/** Settings of a {@link BrokerLink}. */
export interface BrokerLinkOptions {
  readonly broker: LinkBroker;
  readonly machine: Machine;
  readonly context: BackplaneContext;
  readonly delayMaxMs: number;
}

/** True for a failure that invites a repetition. */
export function isRetryable(result: AppendResult): boolean {
  return !result.ok && RETRYABLE_CODES.includes(result.code);
}
