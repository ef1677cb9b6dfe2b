import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import type { Link } from "./link.ts";
import { refusalOf } from "./broker-failure.ts";
import { APPEND } from "./scripts/append-script.ts";
import { HISTORY, READ_LOG, REMOVE, TOP } from "./scripts/log-scripts.ts";
import {
  BEAT,
  BURY,
  CHANGES,
  LEAVE,
  MESSAGES,
  NODES,
  RENEW_EPOCH,
  REVOKE,
  REVOKED_AT,
  SEND,
  SWAP,
} from "./scripts/shared-scripts.ts";
import { APPLY, EXPIRE, READ_STATE, REAP, SNAPSHOT } from "./scripts/state-scripts.ts";

/** A script by the hash of its text. */
export interface Script {
  readonly sha: string;
  readonly text: string;
}

function script(text: string): Script {
  return { text, sha: createHash("sha1").update(text).digest("hex") };
}

type ScriptName =
  | "append"
  | "readLog"
  | "history"
  | "top"
  | "remove"
  | "apply"
  | "expire"
  | "readState"
  | "snapshot"
  | "reap"
  | "swap"
  | "revoke"
  | "revokedAt"
  | "send"
  | "renewEpoch"
  | "changes"
  | "messages"
  | "beat"
  | "nodes"
  | "leave"
  | "bury";

/**
 * Every script. Scripts and not functions: those of two releases stand side by side while the nodes of a cluster are
 * replaced one by one, and the server keeps nothing that somebody would have to install or clean up.
 */
export const SCRIPTS: Readonly<Record<ScriptName, Script>> = {
  append: script(APPEND),
  readLog: script(READ_LOG),
  history: script(HISTORY),
  top: script(TOP),
  remove: script(REMOVE),
  apply: script(APPLY),
  expire: script(EXPIRE),
  readState: script(READ_STATE),
  snapshot: script(SNAPSHOT),
  reap: script(REAP),
  swap: script(SWAP),
  revoke: script(REVOKE),
  revokedAt: script(REVOKED_AT),
  send: script(SEND),
  renewEpoch: script(RENEW_EPOCH),
  changes: script(CHANGES),
  messages: script(MESSAGES),
  beat: script(BEAT),
  nodes: script(NODES),
  leave: script(LEAVE),
  bury: script(BURY),
};

/** What a script takes. */
export type ScriptArgument = string | Buffer | number;

/** Makes every script known to the server at the other end. */
export async function loadScripts(redis: Redis): Promise<void> {
  await Promise.all(Object.values(SCRIPTS).map(({ text }) => redis.script("LOAD", text)));
}

/** Runs a script. One that the server has forgotten (a restart, SCRIPT FLUSH) is sent again; it has not run then. */
export async function runScript(
  link: Link,
  { sha, text }: Script,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  try {
    return await link.call("EVALSHA", [sha, keys.length, ...keys, ...args]);
  } catch (error) {
    if (refusalOf(error)?.code !== "NOSCRIPT") throw error;
    return link.call("EVAL", [text, keys.length, ...keys, ...args]);
  }
}
