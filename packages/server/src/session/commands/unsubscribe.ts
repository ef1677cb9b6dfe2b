import { isChannelName } from "@carillon/protocol";
import type { Command } from "../command.ts";

/** Ends a subscription. It needs no grant: leaving is always allowed. */
export const unsubscribe: Command<{ readonly channel: string }> = {
  read: ({ channel }) => (isChannelName(channel) ? { channel } : "Expected channel to be a well-formed channel name."),

  run(context, { channel }, answer) {
    // In the channel's lane, so that it follows the subscribe that it is meant for.
    context.lane(channel).run((release) => {
      const subscription = context.subscriptions.get(channel);
      if (subscription === undefined) answer.fail("not_subscribed", `The session is not subscribed to "${channel}".`);
      else {
        context.subscriptions.delete(channel);
        subscription.end();
        answer.okText("{}");
      }
      release();
    });
  },
};
