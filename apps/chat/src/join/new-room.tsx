import { useId, useState, type ReactNode } from "react";
import { useCall } from "../session/hooks.ts";

/** Most characters of a title, as the contract says. */
const TITLE_MAX = 48;

/** Opens a room. */
export function NewRoom({ onOpened }: { readonly onOpened: (room: string) => void }): ReactNode {
  const id = useId();
  const [title, setTitle] = useState("");
  const [problem, setProblem] = useState<string | null>(null);
  const { call, isPending } = useCall("room.create");
  const submit = (event: { preventDefault(): void }): void => {
    event.preventDefault();
    if (title.trim() === "") {
      setProblem("Please give the room a name.");
      return;
    }
    call({ title }).then(
      ({ room }) => onOpened(room),
      (error: unknown) => setProblem(problemOf(error)),
    );
  };
  return (
    <form className="join-new" onSubmit={submit} noValidate>
      <div className="field">
        <label htmlFor={id}>Open a new room</label>
        <div className="line">
          <input
            id={id}
            className="input"
            value={title}
            maxLength={TITLE_MAX}
            autoComplete="off"
            placeholder="Garden club"
            aria-invalid={problem !== null}
            aria-describedby={`${id}-problem`}
            onChange={(event) => {
              setTitle(event.target.value);
              setProblem(null);
            }}
          />
          <button type="submit" className="button" disabled={isPending}>
            Create
          </button>
        </div>
      </div>
      <p id={`${id}-problem`} className="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}

function problemOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  if (code === "room.taken") return "There is a room of that name already. Choose another, or go into that one.";
  if (code === "invalid_data") return "That can't be the name of a room. Try letters or digits.";
  if (code === "timeout" || code === "uncertain") return "The server can't be reached now. Please try again.";
  return error instanceof Error ? error.message : "The room could not be opened.";
}
