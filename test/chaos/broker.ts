import type { SeededRandom } from "../support/seeded-random.ts";
import type { BrokerNetwork } from "./broker-network.ts";
import type { NodeBackplane } from "./node-backplane.ts";

/** A process of the broker. */
export interface BrokerServer {
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again on its files; resolves when it serves. */
  start(): Promise<void>;
  /** SIGSTOP: it stands still, its connections stay. */
  stop(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
}

/** What nodes share, running. A broker that is a process of its own is started, and struck, behind this. */
export interface Broker extends AsyncDisposable {
  /** Nodes that may share it at most. */
  readonly nodesMax: number;
  /** How it is configured, in words, for the result of a run: "AOF everysec". */
  readonly description: string;
  /** What can be killed and stopped; none for a broker within the node. */
  readonly servers: readonly BrokerServer[];
  /** Null: nodes reach it without one. */
  readonly network: BrokerNetwork | null;
  /** Ways in which it breaks connections on command, by name. */
  readonly disconnects: Readonly<Record<string, (random: SeededRandom) => Promise<void>>>;
  /** What has to be known of what befell it, to judge a run. */
  remark?(): string;
  /** What a node is started with. */
  backplane(node: number): NodeBackplane;
}

/** What a broker is started for. */
export interface BrokerNeeds {
  /** Of the run; the broker keeps its log there, and its files if it has no folder of its own. */
  readonly folder: string;
  readonly nodes: number;
  /** True: its lines are TCP proxies, although a network namespace could be had. */
  readonly isProxied: boolean;
}

/** Starts a broker. */
export type BrokerStarter = (needs: BrokerNeeds) => Promise<Broker>;
