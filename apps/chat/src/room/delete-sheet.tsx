import type { ReactNode } from "react";
import { excerptOf } from "../text/display-text.ts";
import { Sheet } from "../ui/sheet.tsx";
import type { WholeMessage } from "./message-actions.ts";

/** Asks whether to delete a message. */
export function DeleteSheet(props: {
  readonly item: WholeMessage;
  readonly onDelete: () => void;
  readonly onClose: () => void;
}): ReactNode {
  const { item, onDelete, onClose } = props;
  return (
    <Sheet label="Delete message" onClose={onClose}>
      <div className="stack">
        <h2>Delete this message?</h2>
        <p className="quote">
          <span className="what">{excerptOf(item.data.text)}</span>
        </p>
        <p className="note">It is erased for everybody and can’t be brought back.</p>
        <div className="actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="button" className="button danger" data-first-focus onClick={onDelete}>
            Delete
          </button>
        </div>
      </div>
    </Sheet>
  );
}
