import { CarillonError, type ChannelKind } from "@carillon/protocol";
import type { ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import type { Answerer, CommandContext } from "./command.ts";

/** What a command on a channel needs to be allowed. */
export interface ChannelCommand {
  readonly channel: string;
  /** Null: either kind will do. */
  readonly kind: ChannelKind | null;
  /** For the sentence of a refusal: "publish to". */
  readonly action: string;
  readonly isGranted: (grant: ResolvedGrant, target: Target) => boolean;
}

/** The work of a command on a channel. Calls `release` once the channel's next command may start. */
export type ChannelWork = (target: Target, grant: ResolvedGrant, release: () => void) => void;

/**
 * The common course of every command on a channel: find what the name stands for, take the channel's lane, ask for the
 * grant, and only then do the work. Whatever fails on the way is answered, and the lane released.
 */
export function onChannel(context: CommandContext, command: ChannelCommand, answer: Answerer, work: ChannelWork): void {
  const { channel, kind, action } = command;
  const target = context.host.target(channel);
  if (target === null)
    return answer.fail(
      "unknown_channel",
      `Expected a channel of the contract, "${channel}" matches none of its patterns.`,
    );
  if (kind !== null && target.options.kind !== kind) {
    return answer.fail("wrong_kind", `Expected a ${kind} channel, "${channel}" is a ${target.options.kind} channel.`);
  }
  // The name as it is known, not as it came: what is found by it is found without comparing letters.
  context.lane(target.name).run((release) => {
    context.grant(target, command.isGranted, (grant) => {
      // The session may have ended while the application was asked; nobody waits for the answer then.
      if (!context.isOpen) return release();
      if (grant instanceof CarillonError) answer.failWith(grant);
      else if (!command.isGranted(grant, target))
        answer.fail("forbidden", `You are not allowed to ${action} "${channel}".`);
      else return work(target, grant, release);
      release();
    });
  });
}
