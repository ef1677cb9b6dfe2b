import type { Command } from "../command.ts";
import { amend } from "./amend.ts";
import { call } from "./call.ts";
import { history } from "./history.ts";
import { ping } from "./ping.ts";
import { publish } from "./publish.ts";
import { refresh } from "./refresh.ts";
import { remove } from "./remove.ts";
import { set } from "./set.ts";
import { subscribe } from "./subscribe.ts";
import { unsubscribe } from "./unsubscribe.ts";

/** The commands of an open session by name; `connect` and `pong` belong to the session itself. */
export const COMMANDS: ReadonlyMap<string, Command<unknown>> = new Map<string, Command<unknown>>(
  Object.entries({ amend, call, history, ping, publish, refresh, remove, set, subscribe, unsubscribe }) as [
    string,
    Command<unknown>,
  ][],
);
