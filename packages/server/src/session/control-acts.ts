import { CLOSE_CODES } from "@carillon/protocol";
import type { ControlMessage } from "../backplane/control.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "./registry.ts";

/**
 * Milliseconds between two closes when all sessions are ended. Clients come back within half a second of theirs, and a node
 * over Redis takes in 3,500 a second with nothing else to do (docs/scaling.md): these are 2,500.
 */
const SPACING_MS = 0.4;

/** What acts on the sessions of a node need of it. */
export interface ControlSurroundings {
  readonly registry: Registry;
  readonly logger: Logger;
  readonly limits: Pick<Limits, "graceMs">;
}

/** Does what a message between nodes says to the sessions of this one. Surveys are the application's face's. */
export function carryOut(message: ControlMessage, surroundings: ControlSurroundings): void {
  const { registry } = surroundings;
  switch (message.type) {
    case "replace":
      for (const session of registry.ofInstance(message.instance)) {
        if (session.id === message.session || session.identity.term > message.term) continue;
        session.end(CLOSE_CODES.replaced.code, CLOSE_CODES.replaced.text, false);
      }
      return;
    case "disconnect":
      for (const session of registry.ofUser(message.user)) session.end(message.code, message.reason, true);
      return;
    case "subscribe":
      for (const session of registry.ofUser(message.user)) session.subscribeFromServer(message.channel);
      return;
    case "unsubscribe":
      for (const session of registry.ofUser(message.user))
        session.unsubscribeFromServer(message.channel, message.reason);
      return;
    case "missed":
      dropAll(surroundings);
      return;
    case "ask":
    case "answer":
      return;
  }
}

/**
 * Any of the sessions may have been meant by what was missed. Whoever comes back is let in by its credential, unless that was
 * revoked, and is asked for anew by every rule (P7). All end at once, since none may see anything more; they are told
 * one after the other, or all clients would be back in one moment. The last is told while its entries still have
 * time enough to be taken over.
 */
function dropAll({ registry, logger, limits }: ControlSurroundings): void {
  const sessions = registry.all();
  if (sessions.length === 0) return;
  logger.warn("Messages between nodes were missed: sessions are ended, and come back.", { sessions: sessions.length });
  const { code, text } = CLOSE_CODES.missed;
  const spacingMs = Math.min(SPACING_MS, limits.graceMs / 2 / sessions.length);
  for (const [index, session] of sessions.entries()) session.drop(code, text, Math.floor(index * spacingMs));
}
