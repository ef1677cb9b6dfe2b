import type { Reaction } from "carillon/chat-contract";
import { memo, type ReactNode } from "react";
import { displayName } from "../text/display-text.ts";
import { clockOf, wholeDateOf } from "../timeline/time-format.ts";
import type { MessageItem } from "../timeline/rows.ts";
import { Avatar } from "../ui/avatar.tsx";
import type { MessageActions } from "./message-actions.ts";
import { MessageEditor } from "./message-editor.tsx";
import { Delivery, Quote, Reactions, Toolbar } from "./message-parts.tsx";
import { MessageText } from "./message-text.tsx";

/** What a row shows. */
export interface MessageRowProps {
  readonly item: MessageItem;
  readonly isFirst: boolean;
  /** What the author is called now. */
  readonly name: string;
  readonly me: string | null;
  readonly reactions: readonly Reaction[] | undefined;
  /** True: the pointer or the focus is on it. */
  readonly isActive: boolean;
  /** True: the one message of the list that Tab leads to. */
  readonly isTabStop: boolean;
  readonly isEditing: boolean;
  readonly isFound: boolean;
  readonly actions: MessageActions;
}

/** One message. */
export const MessageRow: (props: MessageRowProps) => ReactNode = memo(function MessageRow(props: MessageRowProps) {
  const { item, isFirst, me, isActive, isTabStop, isEditing, isFound, actions } = props;
  const isWhole = item.type === "publication";
  const isForYou = isWhole && !item.isOwn && (item.data.mentions?.some(({ user }) => user === me) ?? false);
  const classes = [
    "message",
    isFirst && "is-first",
    isActive && "is-active",
    isForYou && "is-for-you",
    isFound && "is-found",
    isWhole && item.status !== "sent" && "is-waiting",
  ];
  const idOfHead = `head-${item.id}`;
  const idOfText = `text-${item.id}`;
  return (
    <article
      className={classes.filter((name) => name !== false).join(" ")}
      data-key={item.key}
      data-own={item.isOwn || undefined}
      data-status={isWhole ? item.status : "gone"}
      tabIndex={isTabStop ? 0 : -1}
      aria-labelledby={`${idOfHead} ${idOfText}`}
    >
      {isFirst && (
        <Avatar user={item.isOwn ? (me ?? "") : (item.publisher?.user ?? "")} name={displayName(props.name)} />
      )}
      <Head item={item} id={idOfHead} name={displayName(props.name)} isFirst={isFirst} />
      <div className="body">
        {!isWhole && (
          <p id={idOfText} className="text is-gone">
            This message was deleted.
          </p>
        )}
        {isWhole && item.data.replyTo !== undefined && <Quote quote={item.data.replyTo} onShow={actions.showMessage} />}
        {isWhole && isEditing && <MessageEditor item={item} actions={actions} />}
        {isWhole && !isEditing && (
          <MessageText id={idOfText} data={item.data} me={me}>
            {(item.data.isEdited === true || item.amendedAt !== null) && <span className="note"> (edited)</span>}
          </MessageText>
        )}
        {isWhole && <Delivery item={item} />}
        {isWhole && props.reactions !== undefined && props.reactions.length > 0 && (
          <Reactions reactions={props.reactions} me={me} onToggle={(emoji) => actions.toggleReaction(item.id, emoji)} />
        )}
      </div>
      {isActive && isWhole && item.status === "sent" && !isEditing && <Toolbar item={item} actions={actions} />}
    </article>
  );
});

function Head(props: {
  readonly item: MessageItem;
  readonly id: string;
  readonly name: string;
  readonly isFirst: boolean;
}): ReactNode {
  const { item, id, name, isFirst } = props;
  const time = (
    <time dateTime={new Date(item.at).toISOString()} title={wholeDateOf(item.at)}>
      {clockOf(item.at)}
    </time>
  );
  if (!isFirst) {
    return (
      <div className="aside" id={id}>
        <span className="hidden-text">{name}, </span>
        {time}
      </div>
    );
  }
  return (
    <div className="head" id={id}>
      <bdi className="name">{name}</bdi>
      {item.isOwn && <span className="you">you</span>}
      {time}
    </div>
  );
}
