import { useMemo, useRef, useState, type RefObject } from "react";
import { displayName, excerptOf } from "../text/display-text.ts";
import type { Mention } from "../text/mentions.ts";
import { notify } from "../ui/notices.tsx";
import type { ComposerHandle } from "./composer.tsx";
import type { MessageActions, WholeMessage } from "./message-actions.ts";
import type { MessageListHandle } from "./message-list.tsx";
import type { RoomReactions } from "./use-reactions.ts";
import { messageOf, type Room } from "./use-room.ts";

/** Pages that are loaded at most to find the message that a reply answers. */
const PAGES_SEARCHED_MAX = 20;

/** What can be done in a room, and what is under way. */
export interface RoomActions {
  readonly actions: MessageActions;
  readonly send: (text: string, mentions: readonly Mention[]) => void;
  readonly replyTo: WholeMessage | null;
  readonly cancelReply: () => void;
  readonly editingId: string | null;
  readonly editLast: () => void;
  readonly deleting: WholeMessage | null;
  readonly confirmDelete: () => void;
  readonly cancelDelete: () => void;
  readonly picking: WholeMessage | null;
  readonly pick: (emoji: string) => void;
  readonly cancelPick: () => void;
}

/** What the actions work on. */
export interface RoomActionsOptions {
  readonly room: Room;
  readonly name: string;
  readonly reactions: RoomReactions;
  readonly list: RefObject<MessageListHandle | null>;
  readonly composer: RefObject<ComposerHandle | null>;
  readonly onSent: () => void;
}

/** Everything that a person does in a room. */
export function useRoomActions(options: RoomActionsOptions): RoomActions {
  const { room, name, list, composer, onSent } = options;
  const latest = useRef(options);
  latest.current = options;
  const [replyTo, setReplyTo] = useState<WholeMessage | null>(null);
  const [editing, setEditing] = useState<WholeMessage | null>(null);
  const [deleting, setDeleting] = useState<WholeMessage | null>(null);
  const [picking, setPicking] = useState<WholeMessage | null>(null);
  const actions = useMemo(() => actionsOf({ latest, setReplyTo, setEditing, setDeleting, setPicking }), []);
  const back = (item: WholeMessage | null): void => {
    if (item !== null) requestAnimationFrame(() => list.current?.focus(item.key));
  };
  return {
    actions,
    send: (text, mentions) => {
      const answered = replyTo === null ? undefined : quoteOf(replyTo, room);
      // The list shows how it goes, failures included.
      void room.channel.publish(messageOf({ text, name, replyTo: answered, mentions })).catch(() => {});
      setReplyTo(null);
      onSent();
      list.current?.jumpToEnd();
    },
    replyTo,
    cancelReply: () => setReplyTo(null),
    editingId: editing?.id ?? null,
    editLast: () => {
      const last = room.timeline.findLast(
        (item) => item.type === "publication" && item.isOwn && item.status === "sent",
      );
      if (last?.type === "publication") setEditing(last);
    },
    deleting,
    confirmDelete: () => {
      if (deleting !== null) {
        room.channel.erase(deleting.id).catch(() => notify("The message could not be deleted. Try again."));
      }
      setDeleting(null);
      composer.current?.focus();
    },
    cancelDelete: () => {
      back(deleting);
      setDeleting(null);
    },
    picking,
    pick: (emoji) => {
      if (picking !== null) actions.toggleReaction(picking.id, emoji);
      back(picking);
      setPicking(null);
    },
    cancelPick: () => {
      back(picking);
      setPicking(null);
    },
  };
}

interface Setters {
  readonly latest: { readonly current: RoomActionsOptions };
  readonly setReplyTo: (item: WholeMessage | null) => void;
  readonly setEditing: (update: (before: WholeMessage | null) => WholeMessage | null) => void;
  readonly setDeleting: (item: WholeMessage | null) => void;
  readonly setPicking: (item: WholeMessage | null) => void;
}

/** They read what is current when they are called, so the object never changes. */
function actionsOf({ latest, setReplyTo, setEditing, setDeleting, setPicking }: Setters): MessageActions {
  return {
    reply: setReplyTo,
    edit: (item) => {
      setEditing((before) => {
        if (item === null && before !== null) {
          requestAnimationFrame(() => latest.current.list.current?.focus(before.key));
        }
        return item;
      });
    },
    saveEdit: (item, text) => {
      const { room } = latest.current;
      const data = messageOf({ ...item.data, text: text.trim(), isEdited: true });
      room.channel.amend(item.id, data).catch(() => notify("The change could not be stored. Try again."));
    },
    remove: setDeleting,
    toggleReaction: (id, emoji) => latest.current.reactions.toggle(id, emoji),
    pickReaction: setPicking,
    showMessage: (id) => void find(latest, id),
  };
}

/** Goes to a message, loading pages until it is there. */
async function find(latest: Setters["latest"], id: string): Promise<void> {
  for (let page = 0; page < PAGES_SEARCHED_MAX; page++) {
    const { room, list } = latest.current;
    const key = room.timeline.find((item) => item.type !== "gap" && item.id === id)?.key;
    if (key !== undefined) {
      list.current?.show(key);
      return;
    }
    if (!room.history.hasMore) break;
    // One after the other: each page begins where the one before ended.
    await room.history.loadOlder();
    // The page has to be rendered before it is looked through.
    await new Promise((resolve) => requestAnimationFrame(resolve));
  }
  notify("That message is not kept any more.");
}

function quoteOf(item: WholeMessage, room: Room): { id: string; user: string; name: string; text: string } {
  return {
    id: item.id,
    user: item.publisher?.user ?? room.me ?? "",
    name: displayName(room.nameOf(item)),
    text: excerptOf(item.data.text),
  };
}
