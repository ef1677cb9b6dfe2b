/** What the processes of a benchmark tell each other over IPC. */

/** What is measured: the peer, and two doors of ours. `lossy` drops a delivery now and then, for a control. */
export type ServerKind = "ws" | "lossy" | "carillon.1" | "raw";

/** Asks a server how it is. */
export interface ServerOrder {
  readonly order: "usage";
}

/** How a server is. */
export interface ServerReport {
  readonly port: number;
  /** Processor time of all threads so far, user and system, in microseconds. */
  readonly cpuUs: number;
  /** Live subscribers that fell back to catching up so far. */
  readonly lags: number;
}

/** Connects a swarm to a server, or publishes and counts with it. */
export type LoadOrder =
  | { readonly order: "connect"; readonly kind: ServerKind; readonly port: number; readonly subscribers: number }
  | { readonly order: "run"; readonly kind: ServerKind; readonly messages: number; readonly inFlight: number };

/** What the load generator saw. */
export interface LoadReport {
  /** Messages that came, all subscribers together. */
  readonly deliveries: number;
  /** Bytes of the frames that brought them. */
  readonly bytes: number;
  readonly wallMs: number;
  /** The part of it in which nothing came: what the load generator had to spare. */
  readonly idleMs: number;
  /** What is wrong with what came, as sentences. None is what is wanted. */
  readonly problems: readonly string[];
}

/** Bytes of one message. */
export const MESSAGE_BYTES = 100;
/** Stands once in each message, and nowhere else on the wire: that is how messages are counted. */
export const MARK = "|";

/** The text of a message of the given length: a mark, its number, and filling. */
export function messageText(sequence: number, length: number): string {
  return `${MARK}${sequence}`.padEnd(length, ".");
}
