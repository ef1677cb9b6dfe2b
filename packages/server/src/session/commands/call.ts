import { CarillonError } from "@carillon/protocol";
import type { Command } from "../command.ts";

/** Longest name of a call: as the contract's own bound. */
const NAME_MAX = 128;

/** Calls a procedure of the contract. Calls are not ordered among themselves. */
export const call: Command<{ readonly name: string; readonly input: unknown }> = {
  read({ name, input }) {
    if (typeof name !== "string" || name.length === 0 || name.length > NAME_MAX)
      return "Expected name to be the name of a call.";
    if (input === undefined) return "Expected input; null for a call without one.";
    return { name, input };
  },

  run(context, { name, input }, answer) {
    context.host.hooks.call(context.identity, name, input, (output) => {
      if (output instanceof CarillonError) answer.failWith(output);
      else answer.okText(`{"output":${JSON.stringify(output)}}`);
    });
  },
};
