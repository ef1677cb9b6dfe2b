import type { Reaction } from "carillon/chat-contract";
import { useCallback, useMemo, useState } from "react";
import { useCall, useStateChannel } from "../session/hooks.ts";
import { notify } from "../ui/notices.tsx";

/** The reactions of a room. */
export interface RoomReactions {
  readonly of: (id: string) => readonly Reaction[] | undefined;
  readonly toggle: (id: string, emoji: string) => void;
}

/** What was pressed and is not stored yet: `message emoji` to given or taken back. */
type Pending = ReadonlyMap<string, boolean>;

/** Reactions, shown as they are pressed: the server's word follows. */
export function useReactions(room: string, name: string, me: string | null): RoomReactions {
  const { entries } = useStateChannel("reactions:{room}", { room });
  const { call } = useCall("message.react");
  const [pending, setPending] = useState<Pending>(new Map());
  const merged = useMemo(() => merge(entries, pending, { user: me ?? "", name }), [entries, pending, me, name]);
  const of = useCallback((id: string) => merged.get(id), [merged]);
  const toggle = useCallback(
    (id: string, emoji: string) => {
      const given = merged.get(id)?.find((reaction) => reaction.emoji === emoji);
      const isGiven = !(given?.people.some(({ user }) => user === me) ?? false);
      const key = `${id} ${emoji}`;
      setPending((before) => new Map([...before, [key, isGiven]]));
      const settled = (): void =>
        setPending((before) => new Map([...before].filter(([other, wish]) => other !== key || wish !== isGiven)));
      call({ room, message: id, emoji, isGiven, name })
        .catch((error: unknown) => {
          const isFull = error instanceof Error && "code" in error && error.code === "reaction.full";
          notify(isFull ? error.message : "The reaction could not be stored. Try again.");
        })
        .finally(settled);
    },
    [merged, me, call, room, name],
  );
  return useMemo(() => ({ of, toggle }), [of, toggle]);
}

function merge(
  entries: ReadonlyMap<string, { readonly value: readonly Reaction[] }>,
  pending: Pending,
  self: { readonly user: string; readonly name: string },
): ReadonlyMap<string, readonly Reaction[]> {
  const merged = new Map([...entries].map(([id, { value }]) => [id, value]));
  for (const [key, isGiven] of pending) {
    const [id = "", emoji = ""] = key.split(" ");
    const before = merged.get(id) ?? [];
    const others = before.map((reaction) =>
      reaction.emoji === emoji ? { emoji, people: reaction.people.filter(({ user }) => user !== self.user) } : reaction,
    );
    const isThere = others.some((reaction) => reaction.emoji === emoji);
    const all = isThere || !isGiven ? others : [...others, { emoji, people: [] }];
    const after = all.map((reaction) =>
      reaction.emoji === emoji && isGiven ? { emoji, people: [...reaction.people, self] } : reaction,
    );
    merged.set(
      id,
      after.filter(({ people }) => people.length > 0),
    );
  }
  return merged;
}
