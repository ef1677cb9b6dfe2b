import type { ReactNode } from "react";
import { dayOf } from "../timeline/time-format.ts";
import { Icon } from "../ui/icon.tsx";

/** The line above a day's messages. */
export function DayRule({ at }: { readonly at: number }): ReactNode {
  return <div className="rule day">{dayOf(at)}</div>;
}

/** The line above what is new. */
export function UnreadRule(): ReactNode {
  return <div className="rule unread">New messages</div>;
}

/** What gaps mean, by reason. */
const GAPS: ReadonlyMap<string, string> = new Map([
  ["trimmed", "Messages are missing here: while you were away, more came than the server keeps."],
  [
    "epoch",
    "The room begins anew here. Its earlier messages are gone: the server was restarted without them, or cleared the room.",
  ],
  ["rollback", "Messages are missing here: the server came back with an older copy of this room."],
]);

/** The place where messages are missing for good. */
export function GapNote({ reason }: { readonly reason: string }): ReactNode {
  return (
    <div className="gap" data-gap={reason}>
      <Icon name="alert" />
      <span>{GAPS.get(reason) ?? "Messages are missing here, and the server can’t say which."}</span>
    </div>
  );
}

/** The top of the list while there is more above it. */
export function Older(props: {
  readonly isLoading: boolean;
  readonly hasFailed: boolean;
  readonly onRetry: () => void;
}): ReactNode {
  if (props.hasFailed) {
    return (
      <div className="older">
        Earlier messages could not be loaded.
        <button type="button" className="text-button" onClick={props.onRetry}>
          Try again
        </button>
      </div>
    );
  }
  return <div className="older">{props.isLoading ? "Loading earlier messages…" : ""}</div>;
}

/** The beginning of what the server has. */
export function Beginning(props: {
  readonly title: string;
  readonly isDurable: boolean;
  readonly isEmpty: boolean;
}): ReactNode {
  return (
    <div className="beginning">
      <h2>{props.title}</h2>
      <p>{props.isEmpty ? "Nobody has said anything yet. Be the first." : "This is where the conversation begins."}</p>
      {!props.isDurable && (
        <p className="memory">
          <Icon name="memory" />
          Messages live in the server’s memory only: a restart forgets them.
        </p>
      )}
    </div>
  );
}
