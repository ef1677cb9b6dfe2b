import type { ApplyResult } from "../backplane/channel-store.ts";
import type { Target } from "../policy/target.ts";
import type { Answerer, CommandContext } from "./command.ts";
import type { ChangeEnded } from "./held-entries.ts";

/**
 * Answers a set or a removal with what the store made of it. `ended`: who has to be told first, if anybody. A session
 * that a later one of its instance has overtaken ends: its client is elsewhere, and if it is here still, by whatever
 * chance, it comes back as the latest.
 */
export function answerChange(
  context: CommandContext,
  target: Target,
  answer: Answerer,
  ended: ChangeEnded | null,
): (result: ApplyResult) => void {
  return (result) => {
    ended?.(result);
    if (result.ok) return answer.ok({ pos: result.pos, version: result.version });
    if (result.code === "not_owner") context.notEnough(target);
    answer.failure(result);
    if (result.code === "replaced") context.replaced();
  };
}
