import { CLOSE_CODES } from "@carillon/protocol";
import type { ControlMessage } from "../backplane/control.ts";
import type { Logger } from "../core/logger.ts";
import type { Registry } from "./registry.ts";

/** Does what a message between nodes says to the sessions of this one. Surveys are the application's face's. */
export function carryOut(message: ControlMessage, registry: Registry, logger: Logger): void {
  switch (message.type) {
    case "replace":
      for (const session of registry.ofInstance(message.instance)) {
        if (session.id !== message.session) session.end(CLOSE_CODES.replaced.code, CLOSE_CODES.replaced.text, false);
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
      dropAll(registry, logger);
      return;
    case "ask":
    case "answer":
      return;
  }
}

/**
 * Any of the sessions may have been meant by what was missed. Whoever comes back is let in by its credential, unless that was
 * revoked, and is asked for anew by every rule (P7).
 */
function dropAll(registry: Registry, logger: Logger): void {
  const sessions = registry.all();
  if (sessions.length === 0) return;
  logger.warn("Messages between nodes were missed: sessions are ended, and come back.", { sessions: sessions.length });
  const { code, text } = CLOSE_CODES.missed;
  for (const session of sessions) session.drop(code, text);
}
