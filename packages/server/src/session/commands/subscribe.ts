import { CarillonError, isChannelName, isPosition, type Position } from "@carillon/protocol";
import type { ResolvedGrant } from "../../policy/grant.ts";
import type { Target } from "../../policy/target.ts";
import { onChannel } from "../channel-command.ts";
import type { Answerer, Command, CommandContext } from "../command.ts";
import { subscribedText } from "../json-codec.ts";

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
    const command = input.history === 0 ? FROM_NOW : WITH_HISTORY;
    onChannel(context, { channel: input.channel, ...command }, answer, (target, _grant, release) => {
      const problem = problemOf(context, target.name);
      if (problem === null) return attach(context, target, input, answer, release);
      answer.failWith(problem);
      release();
    });
  },
};

const FROM_NOW = {
  kind: null,
  action: "subscribe to",
  isGranted: ({ subscribe: isGranted }: ResolvedGrant): boolean => isGranted,
};
const WITH_HISTORY = {
  ...FROM_NOW,
  isGranted: (grant: ResolvedGrant): boolean => grant.subscribe && grant.history,
};

/** Why the session can't have the subscription; null if it can. */
function problemOf({ subscriptions, host }: CommandContext, channel: string): CarillonError | null {
  if (subscriptions.has(channel)) {
    return new CarillonError("already_subscribed", `The session is subscribed to "${channel}" already.`);
  }
  const max = host.limits.channelsPerSession;
  if (subscriptions.size < max) return null;
  return new CarillonError(
    "too_large",
    `Expected at most ${max} subscriptions in a session; unsubscribe from one first.`,
  );
}

function attach(
  context: CommandContext,
  target: Target,
  input: SubscribeInput,
  answer: Answerer,
  release: () => void,
): void {
  const { hub, faults } = context.host;
  hub.attach(target.name, target.options, target.coalesceMs, (attached) => {
    if (!attached.ok) answer.failure(attached);
    else if (!context.isOpen) hub.detach(target.name);
    else if (input.position !== null) {
      // The planted fault pretends that nothing was missed; see core/faults.ts.
      const pos = faults.has("no-catching-up") ? attached.value : input.position;
      begin(context, target, answer, pos, pos === attached.value);
    } else if (target.options.kind === "state") begin(context, target, answer, null, false);
    else if (input.history === 0) begin(context, target, answer, attached.value, true);
    else return rewind(context, target, input.history, answer, release);
    release();
  });
}

function begin(context: CommandContext, target: Target, answer: Answerer, pos: Position | null, isLive: boolean): void {
  const subscription = context.createSubscription(target);
  answer.okText(subscribedText(target.name, target.options.kind, pos, isLive));
  subscription.start(pos, isLive);
}

/** Finds the position that many publications back; catching up from there brings them. */
function rewind(context: CommandContext, target: Target, count: number, answer: Answerer, release: () => void): void {
  const { host } = context;
  host.rewind(target, Math.min(count, host.limits.pageItems), (page) => {
    if (page.ok && context.isOpen) {
      const { prev, pos } = page.value;
      begin(context, target, answer, prev, prev === pos);
    } else {
      host.hub.detach(target.name);
      if (!page.ok) answer.failure(page);
    }
    release();
  });
}
