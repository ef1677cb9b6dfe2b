import type { CarillonError } from "@carillon/client";
import type { Quote as QuoteData, Reaction } from "carillon/chat-contract";
import type { ReactNode } from "react";
import { displayName, excerptOf } from "../text/display-text.ts";
import { Icon } from "../ui/icon.tsx";
import type { MessageActions, WholeMessage } from "./message-actions.ts";

/** Emoji that are one press away. */
const QUICK_EMOJI = ["👍", "❤️", "😂"];

/** What a reply answers; a press leads there. */
export function Quote(props: { readonly quote: QuoteData; readonly onShow: (id: string) => void }): ReactNode {
  const { quote, onShow } = props;
  return (
    <button type="button" className="quote" onClick={() => onShow(quote.id)}>
      <span className="hidden-text">In reply to </span>
      <bdi className="name">{displayName(quote.name)}</bdi>
      <span className="what">{excerptOf(quote.text)}</span>
    </button>
  );
}

/** The emoji that a message was given. */
export function Reactions(props: {
  readonly reactions: readonly Reaction[];
  readonly me: string | null;
  readonly onToggle: (emoji: string) => void;
}): ReactNode {
  const { reactions, me, onToggle } = props;
  return (
    <div className="reactions">
      {reactions.map(({ emoji, people }) => {
        const names = people.map(({ user, name }) => (user === me ? "you" : displayName(name)));
        return (
          <button
            key={emoji}
            type="button"
            className="reaction"
            aria-pressed={people.some(({ user }) => user === me)}
            aria-label={`${emoji} by ${names.join(", ")}`}
            title={names.join(", ")}
            onClick={() => onToggle(emoji)}
          >
            <span aria-hidden="true">{emoji}</span>
            <span aria-hidden="true">{people.length}</span>
          </button>
        );
      })}
    </div>
  );
}

/** What can be done with a message: there while the pointer or the focus is on it. */
export function Toolbar(props: { readonly item: WholeMessage; readonly actions: MessageActions }): ReactNode {
  const { item, actions } = props;
  return (
    <div className="toolbar" role="toolbar" aria-label="Message">
      {QUICK_EMOJI.map((emoji) => (
        <button
          key={emoji}
          type="button"
          className="icon-button small"
          aria-label={`React with ${emoji}`}
          onClick={() => actions.toggleReaction(item.id, emoji)}
        >
          {emoji}
        </button>
      ))}
      <ToolbarButton icon="smile" label="More reactions" onPress={() => actions.pickReaction(item)} />
      <ToolbarButton icon="reply" label="Reply" onPress={() => actions.reply(item)} />
      {item.isOwn && <ToolbarButton icon="edit" label="Edit" onPress={() => actions.edit(item)} />}
      {item.isOwn && <ToolbarButton icon="trash" label="Delete" onPress={() => actions.remove(item)} />}
    </div>
  );
}

function ToolbarButton(props: {
  readonly icon: Parameters<typeof Icon>[0]["name"];
  readonly label: string;
  readonly onPress: () => void;
}): ReactNode {
  return (
    <button
      type="button"
      className="icon-button small"
      aria-label={props.label}
      title={props.label}
      onClick={props.onPress}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** Where an own message stands that is not stored yet. */
export function Delivery({ item }: { readonly item: WholeMessage }): ReactNode {
  if (item.status === "sent") return null;
  if (item.status === "sending") {
    return (
      <p className="delivery" data-status="sending">
        <Icon name="clock" /> Sending…
      </p>
    );
  }
  return (
    <p className="delivery is-failed" data-status="failed">
      <Icon name="alert" /> {failureOf(item.error)}
      <button type="button" className="text-button" onClick={item.retry}>
        Try again
      </button>
      <button type="button" className="text-button" onClick={item.discard}>
        Discard
      </button>
    </p>
  );
}

/** Why a message was not sent, by code. */
const FAILURES: ReadonlyMap<string, string> = new Map([
  ["uncertain", "The connection broke while this was sent, so it may or may not have arrived."],
  ["too_large", "Not sent: it is over the server’s limit of 64 kB."],
  ["queue_full", "Not sent: too many messages wait already."],
  ["forbidden", "Not sent: you may not write in this room."],
  ["invalid_data", "Not sent: the server does not take it as it is."],
  ["limit_exceeded", "Not sent: too many messages at once."],
]);

function failureOf(error: CarillonError | null): string {
  return FAILURES.get(error?.code ?? "") ?? "Not sent.";
}
