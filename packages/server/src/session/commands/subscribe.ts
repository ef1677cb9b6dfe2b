import { isChannelName, isPosition, type Position } from "@carillon/protocol";
import type { Target } from "../../policy/target.ts";
import { onChannel } from "../channel-command.ts";
import type { Answerer, Command, CommandContext } from "../command.ts";

interface SubscribeInput {
  readonly channel: string;
  readonly position: Position | null;
  readonly history: number;
}

/** Starts delivery of a channel: from a position, from some publications back, or from now. */
export const subscribe: Command<SubscribeInput> = {
  read({ channel, position, history = 0 }) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (position !== undefined && history !== 0) return "Expected position or history, got both.";
    if (position !== undefined && !isPosition(position)) return "Expected position to be one that the server sent.";
    if (!Number.isSafeInteger(history) || Number(history) < 0)
      return "Expected history to be a number of publications.";
    return { channel, position: position ?? null, history: Number(history) };
  },

  run(context, input, answer) {
    const command = {
      channel: input.channel,
      kind: null,
      action: "subscribe to",
      isGranted: (grant: { subscribe: boolean; history: boolean }) =>
        grant.subscribe && (input.history === 0 || grant.history),
    };
    onChannel(context, command, answer, (target, _grant, release) => {
      const { subscriptions, host } = context;
      const refuse = (fail: () => void): void => {
        fail();
        release();
      };
      if (subscriptions.has(target.name)) {
        return refuse(() =>
          answer.fail("already_subscribed", `The session is subscribed to "${target.name}" already.`),
        );
      }
      const max = host.limits.channelsPerSession;
      if (subscriptions.size >= max) {
        return refuse(() =>
          answer.fail("too_large", `Expected at most ${max} subscriptions in a session; unsubscribe from one first.`),
        );
      }
      attach(context, target, input, answer, release);
    });
  },
};

function attach(
  context: CommandContext,
  target: Target,
  input: SubscribeInput,
  answer: Answerer,
  release: () => void,
): void {
  const { host } = context;
  host.hub.attach(target.name, target.options, target.coalesceMs, (attached) => {
    if (!attached.ok) answer.failure(attached);
    else if (!context.isOpen) host.hub.detach(target.name);
    else {
      const begin = (pos: Position | null, isLive: boolean): void => {
        const subscription = context.createSubscription(target);
        answer.ok({ channel: target.name, kind: target.options.kind, pos, live: isLive });
        subscription.start(pos, isLive);
      };
      if (input.position !== null) {
        // The planted fault pretends that nothing was missed; see core/faults.ts.
        const pos = host.faults.has("no-catching-up") ? attached.value : input.position;
        begin(pos, pos === attached.value);
      } else if (target.options.kind === "state") begin(null, false);
      else if (input.history === 0) begin(attached.value, true);
      else return rewind(context, target, input.history, answer, begin, release);
    }
    release();
  });
}

/** Finds the position that many publications back; catching up from there brings them. */
function rewind(
  context: CommandContext,
  target: Target,
  count: number,
  answer: Answerer,
  begin: (pos: Position, isLive: boolean) => void,
  release: () => void,
): void {
  const { host } = context;
  host.rewind(target, Math.min(count, host.limits.pageItems), (page) => {
    if (page.ok && context.isOpen) begin(page.value.prev, page.value.prev === page.value.pos);
    else {
      host.hub.detach(target.name);
      if (!page.ok) answer.failure(page);
    }
    release();
  });
}
