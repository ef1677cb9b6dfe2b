import type { DeliveryTrouble, Machine, VolumeKind } from "@carillon/server/testing";
import type { Backplane, ControlMessage } from "@carillon/server/backplane";

/** A node's way to the broker, and what befalls it. */
export interface Link {
  /** True while the node can reach the broker. */
  readonly isConnected: boolean;
  /** How many channels the node is told of. */
  readonly subscriptions: number;
  /** Nothing gets through for a while, and both ends know it. */
  partition(forMs: number): void;
  /** Its connections are lost, in the middle of what is under way, and can be made again at once. */
  cut(): void;
  /** Nothing gets through for a while, and nobody is told. */
  stall(forMs: number): void;
  /** What belongs to the node but has a clock of its own stands still with it. */
  freeze?(forMs: number): void;
  /** Live deliveries have trouble for a while. */
  trouble(trouble: DeliveryTrouble, forMs: number): void;
}

/** What nodes share in a run: a model, or a real server with the backplane that speaks to it. */
export interface Broker {
  /** Control messages so far, oldest first. */
  readonly controls: readonly ControlMessage[];
  /** True while nothing waits for a commit. */
  readonly isIdle: boolean;
  /** A backplane for a node on this machine. */
  backplane(machine: Machine): Backplane;
  linkOf(machine: Machine): Link | undefined;
  /** It dies and comes back. */
  crash(downMs: number): void;
  /** For a while, it does not do what it should: commits fail, answers get lost, or it stands still. */
  shake(forMs: number): void;
  /** What is under way fails, or nobody learns what became of it. */
  failCommit(): void;
  /** An old copy is restored. */
  rollBack(changes: number, kinds: readonly VolumeKind[], isNoticed: boolean): void;
  /** Everything is gone. */
  wipe(isNoticed: boolean): void;
  /** Its clock is set. */
  shiftWall(ms: number): void;
  /** A node is dead. */
  died(machine: Machine): void;
  /** No trouble any more. */
  calm(): void;
}
