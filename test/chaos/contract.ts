import { defineContract, log, state } from "@carillon/protocol";
import * as v from "valibot";

/** What a publication says about itself: a reader can tell whether it came whole. */
const payload = v.object({ id: v.string(), pad: v.string(), size: v.number() });

/** What an entry says: how often its writer has set it. */
const mark = v.object({ n: v.number() });

/** Publications that a brief channel retains: those who are away for some seconds miss some, and are told. */
const BRIEF_SIZE = 40;

/** The contract of a chaos run. */
export const contract = defineContract({
  channels: {
    /** Retains everything, so that in the end its whole order can be read. */
    "feed:{name}": log({ data: payload, history: { size: 1_000_000_000, ttl: "30d" }, presence: mark }),
    "brief:{name}": log({ data: payload, history: { size: BRIEF_SIZE, ttl: "30d" } }),
    /** One entry for each writer. */
    "board:{name}": state({ value: mark, owned: false }),
  },
});

/** The channels of a run. */
export interface ChannelNames {
  readonly feeds: readonly string[];
  readonly briefs: readonly string[];
  readonly boards: readonly string[];
  /** The feed whose presence all subscribers enter. */
  readonly hall: string;
}

/** Names so many channels: half as many brief ones as feeds, and as many boards. */
export function channelNames(feeds: number): ChannelNames {
  const names = (namespace: string, count: number): string[] =>
    Array.from({ length: count }, (_, index) => `${namespace}:${index}`);
  const others = Math.ceil(feeds / 2);
  return {
    feeds: names("feed", feeds),
    briefs: names("brief", others),
    boards: names("board", others),
    hall: "feed:0",
  };
}
