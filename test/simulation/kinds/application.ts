import { LOGS, ROOM, STATES } from "../setting.ts";
import { logOf, type Kind } from "./kind.ts";

/** What the application decides. */
export const APPLICATION: readonly Kind[] = [
  {
    name: "take permission",
    weight: 4,
    share: 0.4,
    run: (stage, page, what, amount) => {
      const channel = [...LOGS, ...STATES][what % 6] ?? ROOM;
      const { user } = page;
      if (!stage.permissions.allows(user, channel)) return;
      stage.deny(user, channel);
      if (amount % 3 === 0) return;
      // Given back after a while, and whoever wants it asks again.
      stage.world.after(1_500 + amount * 5, () => {
        stage.allow(user, channel);
        for (const each of stage.pages) if (each.user === user) each.comeBack();
      });
    },
  },
  { name: "kick", weight: 1, share: 0.15, run: (stage, { user }) => stage.kick(user) },
  {
    name: "revoke",
    weight: 1,
    share: 0.1,
    run: (stage, { user }) => {
      stage.world.count("users revoked");
      stage.running?.revoke(user);
    },
  },
  {
    name: "subscribe a user",
    weight: 2,
    share: 0.2,
    run: ({ running, world, permissions }, { user }, what) => {
      const channel = LOGS[what % LOGS.length] ?? ROOM;
      if (!permissions.allows(user, channel)) return;
      world.count("users subscribed by the server");
      running?.node.backplane.control.send({ type: "subscribe", user, channel });
    },
  },
  { name: "clear", weight: 1, share: 0.15, run: (stage, _page, what) => stage.clear(logOf(what)) },
];
