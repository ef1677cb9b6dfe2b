import type { ReactNode } from "react";
import { displayName } from "../text/display-text.ts";
import { Avatar } from "../ui/avatar.tsx";

/** Somebody who is in the room now. */
export interface PersonHere {
  readonly user: string;
  readonly name: string;
  readonly isIdle: boolean;
  readonly isSelf: boolean;
}

/** Who is here. */
export function PeopleSide(props: {
  readonly people: readonly PersonHere[];
  /** Id of the list, for the one that is always there. */
  readonly id?: string;
}): ReactNode {
  const { people, id } = props;
  return (
    <aside className="side people" aria-label="People">
      <div className="side-head">
        <h2>Here now ({people.length})</h2>
      </div>
      <ul className="side-body" id={id}>
        {people.map((person) => (
          <li key={person.user} className={`person${person.isIdle ? " is-idle" : ""}`} data-user={person.user}>
            <Avatar user={person.user} name={displayName(person.name)} state={person.isIdle ? "idle" : "here"} />
            <bdi className="name">{displayName(person.name)}</bdi>
            <span className="note">{noteOf(person)}</span>
          </li>
        ))}
      </ul>
    </aside>
  );
}

function noteOf({ isSelf, isIdle }: PersonHere): string {
  if (isSelf) return isIdle ? "you, away" : "you";
  return isIdle ? "away" : "";
}
