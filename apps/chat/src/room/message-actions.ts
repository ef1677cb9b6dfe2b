import type { MessageItem } from "../timeline/rows.ts";

/** A message with its data. */
export type WholeMessage = Extract<MessageItem, { readonly type: "publication" }>;

/** What can be done with messages. The same object as long as the room is open, so that rows need not render again. */
export interface MessageActions {
  readonly reply: (item: WholeMessage) => void;
  /** Opens the editor; null closes it. */
  readonly edit: (item: WholeMessage | null) => void;
  readonly saveEdit: (item: WholeMessage, text: string) => void;
  /** Asks whether to delete. */
  readonly remove: (item: WholeMessage) => void;
  readonly toggleReaction: (id: string, emoji: string) => void;
  /** Opens the picker. */
  readonly pickReaction: (item: WholeMessage) => void;
  /** Shows the message that a reply answers. */
  readonly showMessage: (id: string) => void;
}
