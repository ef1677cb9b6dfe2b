import { isChannelName, isKey } from "@carillon/protocol";
import type { ResolvedGrant } from "../../policy/grant.ts";
import { answerChange } from "../answer-change.ts";
import { onChannel } from "../channel-command.ts";
import type { Command } from "../command.ts";
import { isExpectation } from "./set.ts";

const maySet = (grant: ResolvedGrant): boolean => grant.set !== null;

interface RemoveInput {
  readonly channel: string;
  readonly key: string | null;
  readonly expect: number | null;
}

/** Removes an entry of a state channel; leaves a presence. */
export const remove: Command<RemoveInput> = {
  read({ channel, key, expect }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (key !== undefined && !isKey(key))
      return "Expected key to be 1 to 128 printable ASCII characters without space.";
    if (!isExpectation(expect)) return "Expected expect to be a version, or 0 for no entry.";
    return { channel, key: key ?? null, expect: expect ?? null };
  },

  run(context, { channel, key, expect }, answer) {
    const { identity, host } = context;
    const ownKey = identity.instance;
    onChannel(
      context,
      { channel, kind: "state", action: "remove that entry of", isGranted: maySet },
      answer,
      (target, grant, release) => {
        const { options } = target;
        const ended = context.removing(target, key ?? ownKey);
        const onlyBy = options.owned && grant.set !== "any" ? ownKey : null;
        host.apply({
          channel,
          options,
          change: { op: "remove", key: key ?? ownKey, expect, holder: context.holder, onlyBy },
          done: answerChange(context, target, answer, ended),
        });
        release();
      },
    );
  },
};
