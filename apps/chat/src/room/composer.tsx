import { useState, type ReactNode, type Ref } from "react";
import { displayName, excerptOf } from "../text/display-text.ts";
import type { Mention } from "../text/mentions.ts";
import { Icon } from "../ui/icon.tsx";
import { LazyEmojiPicker } from "./lazy-emoji-picker.tsx";
import { Suggestions } from "./mention-suggestions.tsx";
import type { WholeMessage } from "./message-actions.ts";
import { useComposer } from "./use-composer.ts";

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
  const { title, replyTo, onCancelReply } = props;
  const { field, text, problem, isSendable, mentions, change, send, insert, onKeyDown } = useComposer(props);
  const [isPicking, setIsPicking] = useState(false);
  const pick = (emoji: string): void => {
    setIsPicking(false);
    insert(emoji);
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
          onChange={(event) => change(event.target.value)}
          onSelect={mentions.onSelect}
          onKeyDown={onKeyDown}
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
      {isPicking && <LazyEmojiPicker label="Insert emoji" onPick={pick} onClose={() => setIsPicking(false)} />}
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
