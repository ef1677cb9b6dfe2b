import { useEffect, useRef, useState, type KeyboardEvent, type ReactNode } from "react";
import { lengthProblem } from "../text/length.ts";
import type { MessageActions, WholeMessage } from "./message-actions.ts";

/** Changes a message in its place: Enter saves, Escape leaves it as it was. */
export function MessageEditor(props: { readonly item: WholeMessage; readonly actions: MessageActions }): ReactNode {
  const { item, actions } = props;
  const [text, setText] = useState(item.data.text);
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    const element = field.current;
    element?.focus();
    element?.setSelectionRange(element.value.length, element.value.length);
  }, []);
  const problem = lengthProblem(text);
  const save = (): void => {
    if (problem !== null) return;
    // Nothing left is a wish to delete, and that is asked about.
    if (text.trim() === "") actions.remove(item);
    else if (text !== item.data.text) actions.saveEdit(item, text);
    actions.edit(null);
  };
  const pressed = (event: KeyboardEvent): void => {
    event.stopPropagation();
    if (event.key === "Escape") actions.edit(null);
    else if (event.key === "Enter" && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      save();
    }
  };
  return (
    <div className="editor">
      <div className="composer">
        <div className="composer-line">
          <textarea
            ref={field}
            aria-label="Edit message"
            value={text}
            rows={1}
            dir="auto"
            onChange={(event) => setText(event.target.value)}
            onKeyDown={pressed}
          />
        </div>
      </div>
      {problem !== null && <p className="problem">{problem}</p>}
      <div className="actions">
        <button type="button" className="button primary" disabled={problem !== null} onClick={save}>
          Save
        </button>
        <button type="button" className="button" onClick={() => actions.edit(null)}>
          Cancel
        </button>
        <span className="note">Enter saves, Esc cancels</span>
      </div>
    </div>
  );
}
