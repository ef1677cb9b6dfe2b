import type { Verdict } from "../scenarios/scenario.ts";

/** Whether a bar was met, in a word or two. */
export function verdictText({ isMet }: Verdict): string {
  if (isMet === null) return "not judged";
  return isMet ? "met" : "**NOT MET**";
}
