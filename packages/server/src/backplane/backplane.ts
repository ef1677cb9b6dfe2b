import type { Faults } from "../core/faults.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Ports } from "../core/ports.ts";
import type { ChannelStore, StoreSink } from "./channel-store.ts";
import type { Control, ControlMessage } from "./control.ts";
import type { TicketStore } from "./ticket-store.ts";

/** What a backplane gets from the node that opens it. */
export interface BackplaneContext {
  readonly ports: Ports;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly faults: Faults;
  /** Receives live items. */
  readonly sink: StoreSink;
  /** Receives messages of all nodes. */
  readonly onControl: (message: ControlMessage) => void;
}

/** What nodes share, opened for one node. */
export interface OpenBackplane {
  readonly channels: ChannelStore;
  readonly tickets: TicketStore;
  readonly control: Control;
  /** Releases everything, then calls `done`; what was acknowledged stays durable. */
  close(done: () => void): void;
}

/** A kind of backplane with its settings: what `memory()`, `lmdb({ path })` or `redis({ url })` return. */
export interface Backplane {
  /** For logs and messages: `memory`, `lmdb`, … */
  readonly name: string;
  /** Opens it for one node. Answers with an error whose sentence says why it can't be had (in use, newer format, …). */
  open(context: BackplaneContext, done: (backplane: OpenBackplane | Error) => void): void;
}
