import { LOGS } from "../setting.ts";
import { channelOf, logOf, PADDINGS, stateOf, type Kind } from "./kind.ts";

const keyOf = (amount: number): string | null => [null, "k1", "k2", "k3"][amount % 4] ?? null;

/** What applications do with channels. */
export const TRAFFIC: readonly Kind[] = [
  {
    name: "publish",
    weight: 24,
    share: 1,
    run: (_stage, page, what, amount) => {
      for (let count = 0; count <= amount % 5; count++) page.publish(logOf(what), PADDINGS[(amount >> 3) % 5] ?? 0);
    },
  },
  {
    name: "burst",
    weight: 3,
    share: 0.5,
    run: (_stage, page, what, amount) => {
      for (let count = 0; count <= 10 + (amount % 30); count++)
        page.publish(logOf(what), PADDINGS[(amount >> 3) % 5] ?? 0);
    },
  },
  {
    name: "application publishes",
    weight: 5,
    share: 0.7,
    run: (stage, _page, what, amount) => {
      for (let count = 0; count <= amount % 4; count++) stage.publish(logOf(what));
    },
  },
  {
    name: "amend",
    weight: 5,
    share: 0.6,
    run: (_stage, page, what, amount) => {
      const channel = logOf(what);
      const own = [...(page.logs.get(channel)?.payloads.keys() ?? [])].filter((id) => id.startsWith(`${page.name}-`));
      const target = own.at(-1 - (amount % 3));
      if (target !== undefined) page.amend(channel, target, amount % 2 === 0);
    },
  },
  {
    name: "history",
    weight: 3,
    share: 0.5,
    run: (_stage, page, what, amount) => page.history(logOf(what), 1 + (amount % 12)),
  },
  {
    name: "set",
    weight: 10,
    share: 0.9,
    run: (_stage, page, what, amount) => page.set(stateOf(what), keyOf(amount), { by: page.name, n: amount }, null),
  },
  {
    name: "compare and set",
    weight: 4,
    share: 0.5,
    run: (_stage, page, _what, amount) => {
      const version = page.channel("board:a").entries.get("k1")?.version ?? 0;
      page.set("board:a", "k1", { by: page.name, n: amount }, amount % 5 === 0 ? version + 1 : version);
    },
  },
  {
    name: "remove",
    weight: 4,
    share: 0.6,
    run: (_stage, page, what, amount) => page.remove(stateOf(what), keyOf(amount)),
  },
  { name: "enter", weight: 4, share: 0.7, run: (_stage, page) => page.enter(true) },
  { name: "leave", weight: 2, share: 0.4, run: (_stage, page) => page.enter(false) },
  {
    name: "subscribe",
    weight: 6,
    share: 0.8,
    run: (_stage, page, what, amount) => {
      const channel = channelOf(what);
      page.follow(channel, LOGS.includes(channel) && amount % 3 === 0 ? { history: amount % 10 } : {});
    },
  },
  { name: "unsubscribe", weight: 4, share: 0.6, run: (_stage, page, what) => page.unfollow(channelOf(what)) },
];
