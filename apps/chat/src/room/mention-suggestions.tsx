import { useId, useState, type KeyboardEvent, type ReactNode, type RefObject } from "react";
import { displayName } from "../text/display-text.ts";
import { matchMentions, mentionQuery, type Mention } from "../text/mentions.ts";
import { Avatar } from "../ui/avatar.tsx";

/** What the list of suggestions shows. */
export interface SuggestionsProps {
  readonly id: string;
  readonly people: readonly Mention[];
  readonly selected: number;
  readonly onPick: (person: Mention) => void;
}

/** What suggestions need of their field. */
export interface MentionSuggestionsOptions {
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly text: string;
  readonly people: readonly Mention[];
  readonly onChange: (text: string) => void;
}

/** Suggestions for the field in which somebody writes. */
export interface MentionSuggestions {
  /** Those who were picked since the field was empty. */
  readonly picked: readonly Mention[];
  readonly reset: () => void;
  readonly list: SuggestionsProps;
  readonly aria: Readonly<Record<string, string | boolean | undefined>>;
  readonly onSelect: () => void;
  /** True: the key was for the suggestions. */
  readonly onKeyDown: (event: KeyboardEvent) => boolean;
}

/** Offers people while somebody writes `@` and the beginning of a name. */
export function useMentionSuggestions(options: MentionSuggestionsOptions): MentionSuggestions {
  const { field, text, people, onChange } = options;
  const id = useId();
  const [caret, setCaret] = useState(0);
  const [picked, setPicked] = useState<readonly Mention[]>([]);
  const [selected, setSelected] = useState(0);
  /** Where a query was dismissed with Escape. */
  const [dismissed, setDismissed] = useState<number | null>(null);
  const query = mentionQuery(text, caret);
  const isWanted = query !== null && query.start !== dismissed;
  const matches = isWanted ? matchMentions(people, query.text) : [];
  const isOpen = matches.length > 0;
  const current = Math.min(selected, Math.max(0, matches.length - 1));
  const pick = (person: Mention): void => {
    if (query === null) return;
    const end = query.start + person.name.length + 2;
    onChange(`${text.slice(0, query.start)}@${person.name} ${text.slice(caret)}`);
    setPicked([...picked, person]);
    setCaret(end);
    requestAnimationFrame(() => {
      field.current?.focus();
      field.current?.setSelectionRange(end, end);
    });
  };
  const onKeyDown = (event: KeyboardEvent): boolean => {
    const person = matches[current];
    if (!isOpen || person === undefined) return false;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const by = event.key === "ArrowDown" ? 1 : -1;
      setSelected((current + by + matches.length) % matches.length);
    } else if ((event.key === "Enter" && !event.shiftKey) || event.key === "Tab") pick(person);
    else if (event.key === "Escape") setDismissed(query?.start ?? null);
    else return false;
    event.preventDefault();
    return true;
  };
  const aria = {
    "aria-autocomplete": "list",
    "aria-haspopup": "listbox",
    "aria-controls": isOpen ? id : undefined,
    "aria-activedescendant": isOpen ? `${id}-${current}` : undefined,
  };
  return {
    picked,
    reset: () => {
      setPicked([]);
      setDismissed(null);
    },
    list: { id, people: matches, selected: current, onPick: pick },
    aria,
    onSelect: () => {
      const next = field.current?.selectionStart ?? 0;
      if (next === caret) return;
      setCaret(next);
      setSelected(0);
    },
    onKeyDown,
  };
}

/** The list of suggestions above the field; nothing while there are none. */
export function Suggestions({ id, people, selected, onPick }: SuggestionsProps): ReactNode {
  if (people.length === 0) return null;
  return (
    <div id={id} className="suggestions" role="listbox" aria-label="People">
      {people.map((person, index) => (
        <div
          key={person.user}
          id={`${id}-${index}`}
          className="suggestion"
          role="option"
          aria-selected={index === selected}
          tabIndex={-1}
          onPointerDown={(event) => {
            // The focus stays in the field.
            event.preventDefault();
            onPick(person);
          }}
        >
          <Avatar user={person.user} name={displayName(person.name)} isSmall />
          <bdi>{displayName(person.name)}</bdi>
        </div>
      ))}
    </div>
  );
}
