import type { Command } from "../command.ts";

/** Says that the server is there, without waiting for anything. */
export const ping: Command<object> = {
  read: () => ({}),
  run: (_context, _input, answer) => answer.okText("{}"),
};
