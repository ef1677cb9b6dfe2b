/**
 * Text of strangers, made fit to be shown. It is always put into text nodes, so nothing here is about markup: it is
 * about characters that change how the text around them looks, or that can't be seen at all.
 */

/** Embeddings, overrides and isolates: `\u202E` turns "gpj.exe" around. Marks (LRM, RLM, ALM) are harmless and stay. */
const BIDI_CONTROLS = /[\u202A-\u202E\u2066-\u2069]/gu;
/** C0 but tab and line feed, and DEL: shown as their pictures. */
// oxlint-disable-next-line no-control-regex -- They are what this is about.
const C0_CONTROLS = /[\u0000-\u0008\u000B-\u001F\u007F]/gu;
/** C1, byte-order marks, interlinear marks and language tags; but a flag of England, Scotland or Wales is kept whole. */
const INVISIBLE =
  /(\u{1F3F4}[\u{E0061}-\u{E007A}]{2,6}\u{E007F})|[\u0080-\u009F\uFEFF\uFFF9-\uFFFB\u{E0000}-\u{E0FFF}]/gu;
/** Halves of surrogate pairs. */
const LONE_SURROGATES = /\p{Cs}/gu;
const LINE_BREAKS = /\r\n?|[\u0085\u2028\u2029]/gu;
/** More marks on one letter than any language has; they would tower over the lines above. */
const STACKED_MARKS = /(\p{M}{6})\p{M}+/gu;

/** A message's text as it is shown: every control character is visible or gone, line breaks are line feeds. */
export function displayText(text: string): string {
  return text
    .replace(LINE_BREAKS, "\n")
    .replace(BIDI_CONTROLS, "")
    .replace(C0_CONTROLS, pictureOf)
    .replace(INVISIBLE, "$1")
    .replace(LONE_SURROGATES, "\uFFFD")
    .replace(STACKED_MARKS, "$1");
}

/** A name as it is shown: one line, and never nothing. */
export function displayName(name: string): string {
  const line = displayText(name).replace(/\s+/gu, " ").trim();
  return line === "" ? "Somebody" : line;
}

/** The beginning of a text on one line, for quotes and notices. */
export function excerptOf(text: string, charactersMax: number = 120): string {
  const line = displayText(text.slice(0, 4 * charactersMax)).replace(/\s+/gu, " ");
  const characters = Array.from(line.trim());
  if (characters.length <= charactersMax && text.length <= 4 * charactersMax) return characters.join("");
  return `${characters.slice(0, charactersMax - 1).join("")}…`;
}

/** The picture that Unicode has for a control character. */
function pictureOf(character: string): string {
  const code = character.charCodeAt(0);
  return String.fromCharCode(code === 0x7f ? 0x2421 : 0x2400 + code);
}
