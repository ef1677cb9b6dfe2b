import { useSyncExternalStore } from "react";
import { displayName } from "../text/display-text.ts";
import { storedValue } from "./stored-value.ts";

/** What this person is called. */
export interface Profile {
  readonly name: string;
  /** False: the name was drawn, since an address led straight into a room. */
  readonly isChosen: boolean;
}

/** Most characters of a name, as the contract says. */
export const NAME_MAX = 64;

const ADJECTIVES = [
  "Amber",
  "Bright",
  "Calm",
  "Clever",
  "Coral",
  "Early",
  "Gentle",
  "Golden",
  "Jolly",
  "Quiet",
  "Silver",
  "Swift",
];
const BIRDS = ["Finch", "Heron", "Ibis", "Jay", "Kite", "Lark", "Merlin", "Owl", "Plover", "Robin", "Swift", "Wren"];

/** The profile, the same in every tab. */
export const profile = storedValue<Profile | null>({
  key: "carillon.profile",
  read: (stored) => {
    const { name } = typeof stored === "object" && stored !== null && "name" in stored ? stored : { name: null };
    const isChosen = !(
      typeof stored === "object" &&
      stored !== null &&
      "isChosen" in stored &&
      stored.isChosen === false
    );
    return typeof name === "string" && nameProblem(name) === null ? { name: name.trim(), isChosen } : null;
  },
});

/** Follows the profile; null: none yet. */
export function useProfile(): Profile | null {
  return useSyncExternalStore(profile.subscribe, profile.get);
}

/** What is wrong with a name, as a sentence for the person who typed it; null if nothing is. */
export function nameProblem(name: string): string | null {
  const trimmed = name.trim();
  if (trimmed === "") return "Please enter a name.";
  if (trimmed.length > NAME_MAX) return `A name has ${NAME_MAX} characters at most.`;
  if (/[\p{Cc}\p{Cs}]/u.test(trimmed)) return "A name can't have control characters.";
  if (!/[\p{L}\p{N}\p{P}\p{S}]/u.test(trimmed)) return "A name needs a character that can be seen.";
  return null;
}

/** Takes a name from an address; false if it is none. */
export function takeName(name: string | null): boolean {
  if (name === null || nameProblem(name) !== null) return false;
  profile.set({ name: name.trim(), isChosen: true });
  return true;
}

/** A name for somebody who came straight into a room, to be changed whenever they like. */
export function ensureName(): void {
  if (profile.get() !== null) return;
  profile.set({ name: displayName(`${draw(ADJECTIVES)} ${draw(BIRDS)}`), isChosen: false });
}

function draw(list: readonly string[]): string {
  return list[Math.floor(Math.random() * list.length)] ?? "";
}
