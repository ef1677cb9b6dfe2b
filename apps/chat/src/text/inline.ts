import { linkify } from "./linkify.ts";
import { splitMentions, type Mention } from "./mentions.ts";

/** A piece of a message's text. */
export type InlinePiece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "link"; readonly text: string; readonly href: string }
  | { readonly kind: "mention"; readonly text: string; readonly user: string };

/** Most pieces that are looked for: a message of nothing but links must not become ten thousand elements. */
const PIECES_MAX = 500;
/** Emoji alone, with joiners, skin tones, variation selectors, flags and tags. */
const EMOJI_ONLY =
  /^(?:\p{RI}\p{RI}|\p{Emoji}(?:\p{EMod}|\uFE0F\u20E3?|[\u{E0020}-\u{E007E}]+\u{E007F})?(?:\u200D\p{Emoji}(?:\p{EMod}|\uFE0F)?)*|\s)+$/u;
const PLAIN = /[\p{L}\p{N}#*]/u;

/** Splits a text into plain pieces, links and mentions. The pieces, joined, are the text again. */
export function inlinePieces(text: string, mentions: readonly Mention[]): InlinePiece[] {
  const pieces = linkify(text).flatMap((piece): InlinePiece[] =>
    piece.kind === "text" ? splitMentions(piece.text, mentions) : [piece],
  );
  if (pieces.length <= PIECES_MAX) return pieces;
  const rest = pieces.slice(PIECES_MAX).map((piece) => piece.text);
  return [...pieces.slice(0, PIECES_MAX), { kind: "text", text: rest.join("") }];
}

/** True for one to `countMax` emoji and nothing else: such a message is shown large. */
export function isEmojiOnly(text: string, countMax: number = 6): boolean {
  if (text.length > 20 * countMax || text.trim() === "" || PLAIN.test(text) || !EMOJI_ONLY.test(text)) return false;
  const segments = new Intl.Segmenter(undefined, { granularity: "grapheme" }).segment(text.replace(/\s/gu, ""));
  return [...segments].length <= countMax;
}
