import { isChannelName, isPosition, type Position } from "@carillon/protocol";
import { onChannel } from "../channel-command.ts";
import type { Command } from "../command.ts";
import { encodeHistoryReply } from "../json-codec.ts";

interface HistoryInput {
  readonly channel: string;
  readonly before: Position | null;
  readonly limit: number;
}

/** Reads retained publications, the newest page first. */
export const history: Command<HistoryInput> = {
  read({ channel, before, limit }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (before !== undefined && !isPosition(before)) return "Expected before to be a position that the server sent.";
    if (!Number.isSafeInteger(limit) || Number(limit) < 1)
      return "Expected limit to be a positive number of publications.";
    return { channel, before: before ?? null, limit: Number(limit) };
  },

  run(context, { channel, before, limit }, answer) {
    const command = {
      channel,
      kind: "log",
      action: "read the history of",
      isGranted: (grant: { history: boolean }) => grant.history,
    } as const;
    onChannel(context, command, answer, (target, _grant, release) => {
      const { host, connection } = context;
      host.history(target, before, Math.min(limit, host.limits.pageItems), (page) => {
        if (!page.ok) answer.failure(page);
        else {
          const { prev, pos, more, records } = page.value;
          const fields = `"prev":"${prev}","pos":"${pos}","more":${more}`;
          answer.okEncoded(encodeHistoryReply(answer.id, fields, records, connection.framing));
        }
        release();
      });
    });
  },
};
