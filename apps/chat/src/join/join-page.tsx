import { useId, useRef, useState, type FormEvent, type ReactNode } from "react";
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
  const id = useId();
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
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    enter(LOBBY);
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
        <form className="join-new" onSubmit={submit} noValidate>
          <div className="field">
            <label htmlFor={id}>Your name</label>
            <input
              id={id}
              ref={input}
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
              onChange={(event) => {
                setName(event.target.value);
                setProblem(null);
              }}
            />
          </div>
          <p id={`${id}-problem`} className="problem" role="alert">
            {problem}
          </p>
          <button type="submit" className="button primary">
            Enter the lobby
          </button>
        </form>
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
