import { useId, useRef, useState, type ReactNode, type RefObject } from "react";
import { useStateChannel } from "../session/hooks.ts";
import { NAME_MAX, nameProblem, profile, takeName, useProfile } from "../session/profile.ts";
import { LOBBY, navigate, roomPath } from "../session/route.ts";
import { Bell } from "../ui/icon.tsx";
import { NewRoom } from "./new-room.tsx";
import { RoomChoice } from "./room-choice.tsx";

/** Rooms that are offered at most, the fullest first. */
const ROOMS_SHOWN = 12;

/** The way in: a name, the rooms with those who are there now, and a room of one's own. */
export function JoinPage(): ReactNode {
  const input = useRef<HTMLInputElement>(null);
  const known = useProfile();
  const [name, setName] = useState(known?.isChosen === true ? known.name : "");
  const [problem, setProblem] = useState<string | null>(null);
  const { entries } = useStateChannel("rooms");
  const rooms = [...entries]
    .map(([room, { value }]) => ({ room, entry: value }))
    .sort((a, b) => b.entry.count - a.entry.count || a.entry.title.localeCompare(b.entry.title))
    .slice(0, ROOMS_SHOWN);
  const enter = (room: string): void => {
    const wrong = nameProblem(name);
    if (wrong !== null) {
      setProblem(wrong);
      input.current?.focus();
      return;
    }
    if (name.trim() !== profile.get()?.name) takeName(name);
    navigate(roomPath(room));
  };
  return (
    <main className="join">
      <div className="join-card">
        <header>
          <h1>
            <Bell size={36} />
            Carillon
          </h1>
          <p className="lead">Rooms to talk in. No account needed.</p>
        </header>
        <NameForm
          field={input}
          name={name}
          problem={problem}
          onChange={(value) => {
            setName(value);
            setProblem(null);
          }}
          onSubmit={() => enter(LOBBY)}
        />
        <section className="join-rooms" aria-label="Rooms">
          <h2>Rooms</h2>
          <ul className="join-rooms">
            {rooms.map(({ room, entry }) => (
              <RoomChoice key={room} room={room} entry={entry} onChoose={enter} />
            ))}
          </ul>
          {rooms.length === 0 && <p className="note">Looking who is here…</p>}
        </section>
        <NewRoom onOpened={enter} />
      </div>
    </main>
  );
}

function NameForm(props: {
  readonly field: RefObject<HTMLInputElement | null>;
  readonly name: string;
  readonly problem: string | null;
  readonly onChange: (name: string) => void;
  readonly onSubmit: () => void;
}): ReactNode {
  const { field, name, problem, onChange, onSubmit } = props;
  const id = useId();
  return (
    <form
      className="join-new"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <div className="field">
        <label htmlFor={id}>Your name</label>
        <input
          id={id}
          ref={field}
          className="input"
          name="name"
          value={name}
          maxLength={NAME_MAX}
          autoComplete="nickname"
          autoCapitalize="words"
          enterKeyHint="go"
          placeholder="Ada"
          autoFocus
          aria-invalid={problem !== null}
          aria-describedby={`${id}-problem`}
          onChange={(event) => onChange(event.target.value)}
        />
      </div>
      <p id={`${id}-problem`} className="problem" role="alert">
        {problem}
      </p>
      <button type="submit" className="button primary">
        Enter the lobby
      </button>
    </form>
  );
}
