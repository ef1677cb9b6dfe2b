import { defineContract, log } from "@carillon/protocol";
import * as v from "valibot";

/** Publications that a channel retains: more than a drill publishes in one, so that its whole order can be read in the end. */
const RETAINED = 100_000;
const payload = v.object({
  /** Who published it. */
  by: v.string(),
  /** Its number among those of its publisher in the channel, from 1. */
  n: v.number(),
});

/** The contract of the drills. */
export const contract = defineContract({
  channels: {
    "feed:{name}": log({
      data: payload,
      history: { size: RETAINED, ttl: "1d" },
      presence: v.object({ name: v.string() }),
    }),
  },
});
