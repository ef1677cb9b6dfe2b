import { CarillonError, isChannelName, isKey } from "@carillon/protocol";
import type { ResolvedGrant } from "../../policy/grant.ts";
import { answerChange } from "../answer-change.ts";
import { onChannel } from "../channel-command.ts";
import type { Command } from "../command.ts";
import { readPayload } from "../payload.ts";

interface SetInput {
  readonly channel: string;
  readonly key: string | null;
  readonly value: unknown;
  readonly expect: number | null;
}

/** Sets an entry of a state channel; enters a presence. */
export const set: Command<SetInput> = {
  read({ channel, key, expect, ...fields }, body) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (key !== undefined && !isKey(key))
      return "Expected key to be 1 to 128 printable ASCII characters without space.";
    if (!isExpectation(expect)) return "Expected expect to be a version, or 0 for no entry.";
    const payload = readPayload(fields, body);
    if (typeof payload === "string") return payload;
    if ("erased" in payload) return "Expected data or bytes; use remove to end an entry.";
    return { channel, key: key ?? null, value: payload.value, expect: expect ?? null };
  },

  run(context, { channel, key, value, expect }, answer) {
    const { identity, host } = context;
    const ownKey = identity.instance;
    const isGranted = (grant: ResolvedGrant, target: { isPresence: boolean }): boolean =>
      // A presence has one entry per instance, so that nobody can speak for another.
      grant.set !== null && (!target.isPresence || key === null || key === ownKey);
    onChannel(
      context,
      { channel, kind: "state", action: "set that entry of", isGranted },
      answer,
      (target, grant, release) => {
        host.hooks.validate(target, value, (data) => {
          // An entry that is set after its session has ended would have nobody to end it.
          if (!context.isOpen) return release();
          if (data instanceof CarillonError) {
            answer.failWith(data);
            return release();
          }
          const { options } = target;
          const ended = options.owned ? context.setting(target, key ?? ownKey, data) : null;
          if (ended !== null && "code" in ended) {
            answer.failure(ended);
            return release();
          }
          const owner = options.owned ? identity.publisher : null;
          const ownOnly = options.owned && grant.set !== "any";
          host.apply({
            channel,
            options,
            change: { op: "set", key: key ?? ownKey, data, expect, owner, holder: context.holder, ownOnly },
            done: answerChange(context, target, answer, ended),
          });
          release();
        });
      },
    );
  },
};

/** True for a version, 0, or nothing. */
export function isExpectation(expect: unknown): expect is number | undefined {
  return expect === undefined || (typeof expect === "number" && Number.isSafeInteger(expect) && expect >= 0);
}
