/** Rooms whose drafts are kept at most. */
const DRAFTS_MAX = 50;
/** A draft longer than this is kept as long as the composer, and no longer. */
const DRAFT_CHARACTERS_MAX = 60_000;

const drafts = new Map<string, string>();

/** What was begun in a room and not sent. It lives as long as the page. */
export function draftOf(room: string): string {
  return drafts.get(room) ?? "";
}

/** Keeps what was begun. */
export function keepDraft(room: string, text: string): void {
  drafts.delete(room);
  if (text === "" || text.length > DRAFT_CHARACTERS_MAX) return;
  drafts.set(room, text);
  const [oldest] = drafts.keys();
  if (drafts.size > DRAFTS_MAX && oldest !== undefined) drafts.delete(oldest);
}
