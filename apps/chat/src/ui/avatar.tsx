import type { ReactNode } from "react";

/** Hues in tokens.css. */
const HUES = 12;

/** Somebody's picture: initials on a colour that follows from the id, so that two Adas can be told apart. */
export function Avatar(props: {
  readonly user: string;
  readonly name: string;
  readonly isSmall?: boolean;
  readonly state?: "here" | "idle";
}): ReactNode {
  const { user, name, isSmall = false, state } = props;
  return (
    <span className={`avatar hue-${hueOf(user)}${isSmall ? " small" : ""}`} aria-hidden="true">
      {initialsOf(name)}
      {state !== undefined && <span className={`state ${state}`} />}
    </span>
  );
}

/** The hue of somebody with that id. */
function hueOf(user: string): number {
  // FNV-1a; its high bits, since the low ones of similar ids are similar.
  let hash = 0x811c9dc5;
  for (let index = 0; index < user.length; index++) hash = Math.imul(hash ^ user.charCodeAt(index), 0x01000193);
  return (hash >>> 16) % HUES;
}

/** The first letters of the first two words. */
function initialsOf(name: string): string {
  const words = name.split(/\s+/).filter((word) => word !== "");
  const letters = words.slice(0, 2).map((word) => Array.from(word)[0] ?? "");
  return letters.join("").toLocaleUpperCase();
}
