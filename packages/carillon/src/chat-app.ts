import { setTimeout as wait } from "node:timers/promises";
import type { Schema } from "@carillon/protocol";
import { createCarillon, type Carillon, type CommonOptions } from "@carillon/server";
import { chatContract, guestSchema, isRoom, type ChatContract, type Guest } from "./chat-contract.ts";
import { Reactions } from "./reactions.ts";
import { RoomDirectory } from "./room-directory.ts";
import { RoomOpenings } from "./room-openings.ts";
import type { SharedKeyHost } from "./shared-guest-key.ts";

/** Rooms that are there before anybody opens one. */
const ROOMS = { lobby: "Lobby" };
/** Of the channel `secrets`. */
const GUEST_KEY = "guest-key";

/** The server of the chat. */
export interface ChatApp {
  readonly carillon: Carillon<ChatContract, Schema<Guest>>;
  /** Where the servers of a cluster keep the key that they share. */
  readonly secrets: Pick<SharedKeyHost, "read" | "create">;
  /** Fills the directory of rooms. */
  open(): Promise<void>;
  /** Stops what runs beside Carillon. */
  close(): void;
}

/**
 * The server of the chat: every guest may talk, listen and be seen in every room that has a well-formed name. How many
 * rooms guests may open by doing so is bounded; see {@link RoomOpenings}.
 */
export function createChatApp(options: CommonOptions): ChatApp {
  const isDurable = (options.backplane?.name ?? "memory") !== "memory";
  const carillon: Carillon<ChatContract, Schema<Guest>> = createCarillon({
    ...options,
    contract: chatContract,
    user: guestSchema,
    authorize: {
      "chat:{room}": async ({ user, params }) =>
        (await mayEnter(user, params.room)) && { subscribe: true, publish: true, amend: "own" },
      "typing:{room}": async ({ user, params }) =>
        (await mayEnter(user, params.room)) && { subscribe: true, set: "own" },
      "reactions:{room}": async ({ user, params }) => (await mayEnter(user, params.room)) && { subscribe: true },
      rooms: () => ({ subscribe: true }),
    },
    calls: {
      "room.create": async ({ input, user }) => {
        openings.open(user.id);
        return { room: await directory.create(input.title) };
      },
      "message.react": async ({ input, user }) => {
        await openings.enter(user.id, input.room);
        await reactions.react(user.id, input);
        return null;
      },
      "server.about": () => ({ isDurable }),
    },
  });
  const directory = directoryOf(carillon);
  const openings = new RoomOpenings({
    isListed: (room) => directory.has(room),
    hasHistory: async (room) => {
      const { publications } = await carillon.history(`chat:${room}`, { limit: 1 });
      return publications.length > 0;
    },
    monotonicMs: () => performance.now(),
  });
  const mayEnter = async ({ id }: Guest, room: string): Promise<boolean> => {
    if (!isRoom(room)) return false;
    await openings.enter(id, room);
    return true;
  };
  const reactions = new Reactions({
    entries: (room) => carillon.entries(`reactions:${room}`),
    set: (room, message, value, expect) => carillon.set(`reactions:${room}`, message, value, { expect }),
    remove: (room, message, expect) => carillon.remove(`reactions:${room}`, message, { expect }),
    random: Math.random,
    pause: (ms) => wait(ms),
  });
  const secrets = {
    read: async () => (await carillon.entries("secrets")).get(GUEST_KEY)?.value ?? null,
    create: (key: string) => carillon.set("secrets", GUEST_KEY, key, { expect: 0 }),
  };
  return { carillon, secrets, open: () => directory.open(), close: () => directory.close() };
}

function directoryOf(carillon: Carillon<ChatContract, Schema<Guest>>): RoomDirectory {
  return new RoomDirectory(
    {
      channels: () => carillon.channels(),
      people: async (room) => {
        const members = await carillon.presence(`chat:${room}`);
        return members.map(({ user, info }) => ({ user, name: info.name }));
      },
      rooms: () => carillon.entries("rooms"),
      set: (room, entry, expect) => carillon.set("rooms", room, entry, { expect }),
      remove: (room, expect) => carillon.remove("rooms", room, { expect }),
    },
    ROOMS,
  );
}
