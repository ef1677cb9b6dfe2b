import type { CarillonError } from "@carillon/client";
import type { ReactNode } from "react";
import { NoticePage } from "./notice-page.tsx";

/** Says that the server has closed the door, and why. */
export function RefusedPage(props: { readonly error: CarillonError; readonly onRetry: () => void }): ReactNode {
  const { error, onRetry } = props;
  const isTicket = error.code === "ticket_refused";
  return (
    <NoticePage
      title={isTicket ? "You can’t come in" : "The connection has ended"}
      actions={
        <>
          <button type="button" className="button primary" onClick={onRetry}>
            Try again
          </button>
          <button type="button" className="button" onClick={() => location.assign("/")}>
            Back to the entrance
          </button>
        </>
      }
    >
      <p>
        {isTicket
          ? "The server refused the ticket that this page asked for."
          : "The server ended this connection and asked not to come back by itself."}
      </p>
      <p>
        It says: <bdi>{error.message}</bdi> <code>{error.code}</code>
      </p>
    </NoticePage>
  );
}
