import type { ChatPage } from "./chat-page.ts";

/** What one browser shows of a conversation. */
export interface ConversationView {
  /** Whose browser it is. */
  readonly name: string;
  /** From the top. */
  readonly texts: readonly string[];
  /** Of the own messages, from the top: `sending`, `sent` or `failed`. */
  readonly marks: readonly string[];
  /** Reasons of the gaps that are shown. */
  readonly gaps: readonly string[];
}

/** Reads what a page shows. */
export async function viewOf(name: string, chat: ChatPage): Promise<ConversationView> {
  const gaps = await chat.page.$$eval(".gap", (found) => found.map((gap) => gap.getAttribute("data-gap") ?? ""));
  return { name, texts: await chat.texts(), marks: await chat.marks(), gaps };
}

/**
 * What is wrong with a conversation, in sentences; none: everybody sees everything that was said, once, in one order,
 * and each speaker's messages in the order in which they were said. `said` names the texts by speaker.
 */
export function conversationFaults(
  said: ReadonlyMap<string, readonly string[]>,
  views: readonly ConversationView[],
): string[] {
  const faults: string[] = [];
  const all = [...said.values()].flat();
  const first = views[0]?.texts ?? [];
  for (const { name, texts, marks, gaps } of views) {
    const shown = new Map<string, number>();
    for (const text of texts) shown.set(text, (shown.get(text) ?? 0) + 1);
    for (const text of all) if (!shown.has(text)) faults.push(`${name} does not see "${text}".`);
    for (const [text, times] of shown) {
      if (times > 1) faults.push(`${name} sees "${text}" ${times} times.`);
      if (!all.includes(text)) faults.push(`${name} sees "${text}", which nobody said.`);
    }
    if (texts.join("\n") !== first.join("\n")) faults.push(`${name} sees another order.`);
    for (const [speaker, own] of said) {
      const seen = texts.filter((text) => own.includes(text));
      if (seen.join("\n") !== own.filter((text) => shown.has(text)).join("\n")) {
        faults.push(`${name} does not see what ${speaker} said in the order in which it was said.`);
      }
    }
    for (const reason of gaps) faults.push(`${name} is shown a gap (${reason}).`);
    const unsent = marks.filter((mark) => mark !== "sent");
    if (unsent.length > 0) faults.push(`${unsent.length} messages of ${name} are ${[...new Set(unsent)].join(", ")}.`);
    const own = said.get(name)?.length ?? 0;
    if (marks.length !== own)
      faults.push(`${name} said ${own} messages, and ${marks.length} are shown as ${name}'s own.`);
  }
  return faults;
}
