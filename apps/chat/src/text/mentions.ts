/** A person who is named in a message. */
export interface Mention {
  readonly user: string;
  /** The name that stands in the text behind the `@`. */
  readonly name: string;
}

/** A piece of a text: plain, or the name of a person who was meant. */
export type MentionPiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "mention"; readonly text: string; readonly user: string };

/** A mention that is being written. */
export interface MentionQuery {
  /** Where the `@` stands. */
  readonly start: number;
  /** What follows it, up to the caret. */
  readonly text: string;
}

/** Most characters between the `@` and the caret in which a name is looked for. */
const QUERY_MAX = 32;
const BEFORE = /[\s([{"'“‘,;:!?-]/u;
const WORD = /[\p{L}\p{N}_]/u;

/** The mention that the caret stands in; null if there is none. A name may have spaces, so up to two are taken. */
export function mentionQuery(text: string, caret: number): MentionQuery | null {
  const before = text.slice(Math.max(0, caret - QUERY_MAX), caret);
  const at = before.lastIndexOf("@");
  if (at === -1) return null;
  const start = caret - before.length + at;
  const query = before.slice(at + 1);
  const isFree = start === 0 || BEFORE.test(text.charAt(start - 1));
  if (!isFree || query.startsWith(" ") || query.includes("\n") || query.split(" ").length > 3) return null;
  return { start, text: query };
}

/** The people whose name, or a word of it, begins with the query; who matches from the start comes first. */
export function matchMentions<Person extends { readonly name: string }>(
  people: readonly Person[],
  query: string,
  countMax: number = 6,
): Person[] {
  const wanted = fold(query);
  const whole = people.filter(({ name }) => fold(name).startsWith(wanted));
  const inside = people.filter((person) => !whole.includes(person) && fold(person.name).includes(` ${wanted}`));
  return [...whole, ...inside].slice(0, countMax);
}

/** Of the people who were picked, those whose name still stands in the text. */
export function mentionsIn(text: string, picked: readonly Mention[]): Mention[] {
  const named = new Map(
    picked.filter(({ name }) => positionOf(text, name, 0) !== -1).map((mention) => [mention.user, mention]),
  );
  return [...named.values()];
}

/** Finds the names of mentioned people in a text. The pieces, joined, are the text again. */
export function splitMentions(text: string, mentions: readonly Mention[]): MentionPiece[] {
  const pieces: MentionPiece[] = [];
  // The longest first: with Ada and Ada Lovelace in the room, "@Ada Lovelace" means the second.
  const byLength = [...mentions].sort((a, b) => b.name.length - a.name.length);
  let end = 0;
  while (end < text.length) {
    const next = nearest(text, byLength, end);
    if (next === null) break;
    if (next.at > end) pieces.push({ kind: "text", text: text.slice(end, next.at) });
    end = next.at + next.mention.name.length + 1;
    pieces.push({ kind: "mention", text: text.slice(next.at, end), user: next.mention.user });
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

function nearest(text: string, mentions: readonly Mention[], from: number): { at: number; mention: Mention } | null {
  let found: { at: number; mention: Mention } | null = null;
  for (const mention of mentions) {
    const at = positionOf(text, mention.name, from);
    if (at !== -1 && (found === null || at < found.at)) found = { at, mention };
  }
  return found;
}

/** Where `@name` stands as a word of its own. */
function positionOf(text: string, name: string, from: number): number {
  if (name === "") return -1;
  for (let at = text.indexOf(`@${name}`, from); at !== -1; at = text.indexOf(`@${name}`, at + 1)) {
    if (!WORD.test(text.charAt(at + name.length + 1))) return at;
  }
  return -1;
}

function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLocaleLowerCase();
}
