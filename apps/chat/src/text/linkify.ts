/** A piece of a text: plain, or a link. */
export type LinkPiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string };

/** Two schemes and nothing else: `javascript:` and `data:` never become links, whatever a parser may think of them. */
const CANDIDATE = /\bhttps?:\/\/[^\s<>"'`\u2018-\u201F]{1,2048}/giu;
/** What ends a sentence is seldom the end of an address. */
const TRAILING = /[.,:;!?…*_~]$/u;
const BRACKETS: readonly (readonly [open: string, close: string])[] = [
  ["(", ")"],
  ["[", "]"],
  ["{", "}"],
];

/** Finds the addresses in a text. The pieces, joined, are the text again. */
export function linkify(text: string): LinkPiece[] {
  const pieces: LinkPiece[] = [];
  let end = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const shown = trimEnd(match[0]);
    const href = hrefOf(shown);
    if (href === null) continue;
    if (match.index > end) pieces.push({ kind: "text", text: text.slice(end, match.index) });
    pieces.push({ kind: "link", text: shown, href });
    end = match.index + shown.length;
  }
  if (end < text.length) pieces.push({ kind: "text", text: text.slice(end) });
  return pieces;
}

/** Takes off punctuation, and a closing bracket that was opened before the address. */
function trimEnd(candidate: string): string {
  let shown = candidate;
  for (;;) {
    const last = shown.at(-1) ?? "";
    const pair = BRACKETS.find(([, close]) => close === last);
    const isLoose = pair !== undefined && shown.split(pair[1]).length > shown.split(pair[0]).length;
    if (!isLoose && !TRAILING.test(shown)) return shown;
    shown = shown.slice(0, -1);
  }
}

/** The address that a browser would open; null for none, and for one with a user: `https://bank.example@evil.example`. */
function hrefOf(text: string): string | null {
  if (!URL.canParse(text)) return null;
  const url = new URL(text);
  const isWeb = url.protocol === "http:" || url.protocol === "https:";
  return isWeb && url.hostname !== "" && url.username === "" && url.password === "" ? url.href : null;
}
