import type { ChatMessage } from "carillon/chat-contract";
import { useMemo, useState, type ReactNode } from "react";
import { displayText } from "../text/display-text.ts";
import { inlinePieces, isEmojiOnly } from "../text/inline.ts";

/** A text longer than this, or of more lines, is shown cut at first. */
const CUT_CHARACTERS = 2_400;
const CUT_LINES = 24;

/** The text of a message: text nodes, links of the web, and names that were meant. */
export function MessageText(props: {
  readonly id: string;
  readonly data: ChatMessage;
  /** Id of the person who reads. */
  readonly me: string | null;
  readonly children?: ReactNode;
}): ReactNode {
  const { id, data, me, children } = props;
  const text = useMemo(() => displayText(data.text), [data.text]);
  const isLong = text.length > CUT_CHARACTERS || text.split("\n", CUT_LINES + 1).length > CUT_LINES;
  const [isWhole, setIsWhole] = useState(false);
  const isCut = isLong && !isWhole;
  // What is cut away need not be looked through: a message of nothing but addresses stays cheap.
  const shown = isCut ? text.slice(0, 2 * CUT_CHARACTERS) : text;
  const pieces = useMemo(() => inlinePieces(shown, data.mentions ?? []), [shown, data.mentions]);
  const look = isCut ? " is-cut" : isEmojiOnly(text) ? " is-large" : "";
  return (
    <>
      <div className={`text-block${look}`} dir="auto">
        <span id={id} className="text">
          {pieces.map((piece, index) => {
            if (piece.kind === "text") return piece.text;
            if (piece.kind === "mention") {
              return (
                <bdi key={index} className={piece.user === me ? "mention is-you" : "mention"}>
                  {piece.text}
                </bdi>
              );
            }
            return (
              <a
                key={index}
                href={piece.href}
                title={piece.href}
                target="_blank"
                rel="noopener noreferrer nofollow ugc"
              >
                {piece.text}
              </a>
            );
          })}
        </span>
        {children}
      </div>
      {isLong && (
        <button type="button" className="text-button" aria-expanded={isWhole} onClick={() => setIsWhole(!isWhole)}>
          {isWhole ? "Show less" : "Show all of it"}
        </button>
      )}
    </>
  );
}
