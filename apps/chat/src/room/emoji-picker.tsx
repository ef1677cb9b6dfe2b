import { useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { Sheet } from "../ui/sheet.tsx";
import { EMOJI_GROUPS, searchEmoji, type Emoji } from "./emoji-list.ts";

/** Emoji in a row of the grid; the style sheet says the same. */
const COLUMNS = 8;

/** What the picker needs. */
export interface EmojiPickerProps {
  readonly label: string;
  readonly onPick: (emoji: string) => void;
  readonly onClose: () => void;
}

/** Picks one emoji, by pointer, by arrow keys or by its name. */
export function EmojiPicker({ label, onPick, onClose }: EmojiPickerProps): ReactNode {
  const [query, setQuery] = useState("");
  const scroll = useRef<HTMLDivElement>(null);
  const groups = query.trim() === "" ? EMOJI_GROUPS : [{ name: "Found", emoji: searchEmoji(query) }];
  const [first] = groups.flatMap((group) => group.emoji);
  const move = (event: KeyboardEvent): void => {
    const buttons = [...(scroll.current?.querySelectorAll("button") ?? [])];
    const by = STEPS.get(event.key);
    if (by === undefined) return;
    event.preventDefault();
    const at = buttons.findIndex((button) => button === document.activeElement);
    buttons[at === -1 ? 0 : Math.max(0, Math.min(buttons.length - 1, at + by))]?.focus();
  };
  return (
    <Sheet label={label} className="sheet emoji-sheet" onClose={onClose}>
      <div className="stack">
        <input
          className="input"
          type="search"
          aria-label="Search emoji"
          placeholder="Search emoji"
          value={query}
          autoComplete="off"
          data-first-focus
          onChange={(event) => setQuery(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && first !== undefined) {
              event.preventDefault();
              onPick(first.text);
            } else if (event.key === "ArrowDown") move(event);
          }}
        />
        <div ref={scroll} className="emoji-scroll" onKeyDown={move} role="group" aria-label="Emoji">
          {groups.map((group) => (
            <section key={group.name} className="emoji-group" aria-label={group.name}>
              <h3>{group.emoji.length === 0 ? "Nothing found" : group.name}</h3>
              <div className="emoji-grid">
                {group.emoji.map((emoji) => (
                  <EmojiButton key={emoji.text} emoji={emoji} isTabStop={emoji === first} onPick={onPick} />
                ))}
              </div>
            </section>
          ))}
        </div>
      </div>
    </Sheet>
  );
}

const STEPS: ReadonlyMap<string, number> = new Map([
  ["ArrowRight", 1],
  ["ArrowLeft", -1],
  ["ArrowDown", COLUMNS],
  ["ArrowUp", -COLUMNS],
]);

function EmojiButton(props: {
  readonly emoji: Emoji;
  readonly isTabStop: boolean;
  readonly onPick: (emoji: string) => void;
}): ReactNode {
  const { emoji, isTabStop, onPick } = props;
  const [name = emoji.text] = emoji.words;
  return (
    <button
      type="button"
      tabIndex={isTabStop ? 0 : -1}
      aria-label={name}
      title={name}
      onClick={() => onPick(emoji.text)}
    >
      {emoji.text}
    </button>
  );
}
