import type { ReactNode } from "react";
import { Bell } from "../ui/icon.tsx";

/** A page instead of the chat that says why it can't be had, and what to do. */
export function NoticePage(props: {
  readonly title: string;
  readonly children: ReactNode;
  readonly actions: ReactNode;
}): ReactNode {
  return (
    <main className="join">
      <div className="join-card notice-page" role="alert">
        <Bell size={36} />
        <h1>{props.title}</h1>
        <div className="lead">{props.children}</div>
        <div className="actions">{props.actions}</div>
      </div>
    </main>
  );
}
