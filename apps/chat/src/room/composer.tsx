import { useEffect, useImperativeHandle, useRef, useState, type KeyboardEvent, type ReactNode, type Ref } from "react";
import { displayName, excerptOf } from "../text/display-text.ts";
import { lengthProblem } from "../text/length.ts";
import { mentionsIn, type Mention } from "../text/mentions.ts";
import { Icon } from "../ui/icon.tsx";
import { LazyEmojiPicker } from "./lazy-emoji-picker.tsx";
import { draftOf, keepDraft } from "./drafts.ts";
import { Suggestions, useMentionSuggestions } from "./mention-suggestions.tsx";
import type { WholeMessage } from "./message-actions.ts";

/** What the room may ask of the composer. */
export interface ComposerHandle {
  readonly focus: () => void;
}

/** What the composer needs. */
export interface ComposerProps {
  readonly ref: Ref<ComposerHandle>;
  readonly room: string;
  readonly title: string;
  /** Who may be named. */
  readonly people: readonly Mention[];
  readonly replyTo: WholeMessage | null;
  readonly onCancelReply: () => void;
  readonly onSend: (text: string, mentions: readonly Mention[]) => void;
  readonly onTyping: () => void;
  /** Opens the editor of the last own message. */
  readonly onEditLast: () => void;
  /** Goes into the list of messages. */
  readonly onEnterList: () => void;
}

/** Where messages are written. Enter sends, Shift and Enter break the line. */
export function Composer(props: ComposerProps): ReactNode {
  const { room, title, replyTo, onCancelReply } = props;
  const [text, setText] = useState(() => draftOf(room));
  const [isPicking, setIsPicking] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const focus = (): void => field.current?.focus();
  const mentions = useMentionSuggestions({ field, text, people: props.people, onChange: setText });
  useImperativeHandle(props.ref, () => ({ focus }), []);
  useEffect(() => keepDraft(room, text), [room, text]);
  useEffect(() => {
    if (replyTo !== null) focus();
  }, [replyTo]);
  useAutoHeight(field, text);
  const problem = lengthProblem(text);
  const isSendable = problem === null && text.trim() !== "";
  const send = (): void => {
    if (!isSendable) return;
    props.onSend(text.trim(), mentionsIn(text, [...mentions.picked, ...props.people]));
    setText("");
    mentions.reset();
    focus();
  };
  const pressed = (event: KeyboardEvent<HTMLTextAreaElement>): void => {
    if (event.nativeEvent.isComposing || mentions.onKeyDown(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "Escape" && replyTo !== null) onCancelReply();
    else if (event.key === "ArrowUp" && text === "") {
      event.preventDefault();
      if (event.shiftKey) props.onEditLast();
      else props.onEnterList();
    }
  };
  const insert = (emoji: string): void => {
    setIsPicking(false);
    const { selectionStart = text.length, selectionEnd = text.length } = field.current ?? {};
    setText(text.slice(0, selectionStart) + emoji + text.slice(selectionEnd));
    requestAnimationFrame(() => {
      focus();
      field.current?.setSelectionRange(selectionStart + emoji.length, selectionStart + emoji.length);
    });
  };
  return (
    <div className="composer">
      <Suggestions {...mentions.list} />
      {replyTo !== null && <ReplyBar item={replyTo} onCancel={onCancelReply} />}
      <div className="composer-line">
        <textarea
          ref={field}
          id="text"
          aria-label={`Message to ${title}`}
          aria-describedby="composer-note"
          aria-invalid={problem !== null}
          {...mentions.aria}
          placeholder={`Write to ${title}`}
          value={text}
          rows={1}
          dir="auto"
          enterKeyHint="send"
          autoComplete="off"
          onChange={(event) => {
            setText(event.target.value);
            if (event.target.value !== "") props.onTyping();
          }}
          onSelect={mentions.onSelect}
          onKeyDown={pressed}
        />
        <button
          type="button"
          className="icon-button"
          aria-label="Insert emoji"
          aria-haspopup="dialog"
          onClick={() => setIsPicking(true)}
        >
          <Icon name="smile" />
        </button>
        <button type="button" className="send" aria-label="Send" disabled={!isSendable} onClick={send}>
          <Icon name="send" />
        </button>
      </div>
      <div id="composer-note" role="status">
        {problem !== null && <p className="composer-note problem">{problem}</p>}
      </div>
      {isPicking && <LazyEmojiPicker label="Insert emoji" onPick={insert} onClose={() => setIsPicking(false)} />}
    </div>
  );
}

function ReplyBar({ item, onCancel }: { readonly item: WholeMessage; readonly onCancel: () => void }): ReactNode {
  return (
    <div className="composer-top">
      <div className="quote">
        <span className="name">
          Reply to <bdi>{item.isOwn ? "yourself" : displayName(item.data.name)}</bdi>
        </span>
        <span className="what">{excerptOf(item.data.text)}</span>
      </div>
      <button type="button" className="icon-button small" aria-label="Cancel reply" onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  );
}

/** For browsers that do not size a field by its content themselves. */
function useAutoHeight(field: { readonly current: HTMLTextAreaElement | null }, text: string): void {
  useEffect(() => {
    const element = field.current;
    if (element === null || CSS.supports("field-sizing", "content")) return;
    element.style.height = "auto";
    element.style.height = `${element.scrollHeight}px`;
  }, [field, text]);
}
