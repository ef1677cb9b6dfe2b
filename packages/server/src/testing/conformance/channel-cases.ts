import { deepEqual, equal, notEqual } from "node:assert/strict";
import type { ConformanceCase } from "./conformance.ts";
import { failed, LOG, STATE } from "./conformance-world.ts";

/** Channels beside each other, and what is none. */
export const channelCases: readonly ConformanceCase[] = [
  {
    name: "a channel that nobody has used is empty",
    async run(world) {
      await world.open();
      const { records, more, prev, pos } = await world.history(10);
      deepEqual([records, more], [[], false]);
      equal(prev, pos);
      equal(await world.subscribe(), pos, "and its position is the same whoever asks");
    },
  },
  {
    name: "channels do not touch each other",
    async run(world) {
      await world.open();
      await world.subscribe();
      await world.subscribe(LOG, "chat:other");
      const one = await world.published({ id: "same" });
      const other = await world.published({ id: "same", channel: "chat:other" });
      notEqual(one, other);
      equal((await world.history(10)).records.length, 1);
      equal((await world.read(other)).gap, "epoch", "a position of another channel is not taken for one of this");
    },
  },
  {
    name: "a channel of one kind refuses what is for the other",
    async run(world) {
      await world.open();
      await world.published();
      equal(failed(await world.set({ key: "k" }, STATE)).code, "wrong_kind");
      await world.set({ key: "k" }, STATE, "cursors:1");
      equal(failed(await world.publish({ channel: "cursors:1" })).code, "wrong_kind");
    },
  },
  {
    name: "a message on the control bus comes back to its own node",
    async run(world) {
      const { control } = await world.open();
      control.send({ type: "replace", instance: "i_1", session: "s_1", term: 2 });
      await world.until(() => world.controls.length > 0, "the message");
      deepEqual(world.controls[0], { type: "replace", instance: "i_1", session: "s_1", term: 2 });
    },
  },
];
