import { CarillonError } from "@carillon/protocol";
import type { Command } from "../command.ts";

/** Prolongs the session with a new ticket of the same user. */
export const refresh: Command<{ readonly ticket: string }> = {
  read: ({ ticket }) => (typeof ticket === "string" ? { ticket } : "Expected ticket to be a ticket."),

  run(context, { ticket }, answer) {
    const { remoteAddress, origin } = context.connection;
    const credential = { ticket, resume: null, remoteAddress, origin };
    context.host.admission.refresh(context.receipt, credential, (result) => {
      if (result instanceof CarillonError) return answer.failWith(result);
      context.refreshed(result);
      answer.ok(result.lifetimeMs === null ? {} : { lifetimeMs: result.lifetimeMs });
    });
  },
};
