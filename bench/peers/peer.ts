import { fileURLToPath } from "node:url";
import type { Door } from "../harness/door.ts";
import type { BrokerCommand } from "../harness/broker.ts";
import type { Command } from "../harness/server-process.ts";

/** What a scenario needs of a server. */
export interface Purpose {
  /** Bytes of the data of a message. Default: 100. */
  readonly bytes?: number;
  /** A folder that outlives the server, for those that can keep messages in one. */
  readonly durablePath?: string;
  /** Servers of ours run on the sources of the packages, not on what was built. */
  readonly onSources?: boolean;
  /** Publishes are answered, and sent again when they were not. */
  readonly isAcknowledged?: boolean;
  /** Where the broker of a cluster listens. */
  readonly brokerPort?: number;
}

/** A server to measure. */
export interface Peer {
  readonly name: string;
  /** How it is set up, each setting with its reason. */
  readonly settings: readonly string[];
  /** Its version; or why it can't be measured here. May install it. */
  find(): Promise<{ readonly version: string } | { readonly missing: string }>;
  command(port: number, purpose: Purpose): Command;
  /** Several servers around a broker; without it, one server by itself. */
  readonly cluster?: { readonly nodes: number; readonly broker: BrokerCommand };
  door(purpose: Purpose): Door;
  /** It promises one order for all, nothing lost and nothing twice, under any load: it is failed where others are described. */
  readonly isExact?: boolean;
  /** Clients come in with credentials that the server hands out at `/tickets?count=`. */
  readonly hasTickets?: boolean;
  /** The server collects its garbage at `/collect`, so that memory is what is held. */
  readonly collects?: boolean;
}

/** Bytes of data of a message unless a scenario says otherwise. */
export const MESSAGE_BYTES = 100;

/** The command of a server of ours: a file in `servers/`, run by this Node, with options that it reads. */
export function nodeServer(file: string, port: number, { onSources = false }: Purpose, options: object = {}): Command {
  const path = fileURLToPath(new URL(`../servers/${file}`, import.meta.url));
  const conditions = onSources ? ["--conditions=@carillon/source"] : [];
  const nodeArgs = ["--expose-gc", ...conditions, "--import", "tsx"];
  return { command: [process.execPath, ...nodeArgs, path, String(port), JSON.stringify(options)] };
}
