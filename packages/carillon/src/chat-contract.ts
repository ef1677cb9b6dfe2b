import {
  call,
  defineContract,
  log,
  state,
  type CallSpec,
  type Contract,
  type LogSpec,
  type Schema,
  type StateSpec,
} from "@carillon/protocol";
import * as v from "valibot";

/** Most characters of a name. */
const NAME_MAX = 64;
/** Most characters of a message. As JSON it has to fit into the 64 KiB of a command, with room for what is around it. */
const TEXT_MAX = 60_000;
/** Most characters of the quote in a reply. */
const EXCERPT_MAX = 200;
/** Most people who are named in one message. */
const MENTIONS_MAX = 20;
/** Most characters of a room's title, and of its name in addresses. */
const ROOM_MAX = 48;
/** Most people whose names are told with a room or a reaction; the count tells of the others. */
const PEOPLE_MAX = 100;
/** Control characters and halves of surrogate pairs: nothing that a person typed as a name. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
/** Something that can be seen; a name of zero-width characters can't. */
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;
/** One emoji as people see it, sequences included. By the constructor, because es2022 has no such literal. */
const EMOJI = new RegExp(String.raw`^\p{RGI_Emoji}$`, "v");

const name = printable("name", NAME_MAX);
const userId = v.pipe(
  v.string("Expected a user id."),
  v.maxLength(128, "Expected a user id of at most 128 characters."),
);
const messageId = v.pipe(v.string("Expected an id."), v.maxLength(64, "Expected an id of at most 64 characters."));
const emoji = v.pipe(v.string("Expected an emoji."), v.maxLength(32), v.regex(EMOJI, "Expected one emoji."));
const room = v.pipe(
  v.string("Expected a room."),
  v.maxLength(ROOM_MAX, `Expected a room of at most ${ROOM_MAX} characters.`),
  v.check(isRoom, "Expected a room of a-z, 0-9 and single hyphens between them."),
);
const text = v.pipe(
  v.string("Expected a text."),
  v.maxLength(TEXT_MAX, `Expected a text of at most ${TEXT_MAX} characters.`),
  v.regex(/\S/u, "Expected a text that is not empty."),
);
const person = v.object({ user: userId, name });
/** 32 bytes in base64url. */
const secret = v.pipe(v.string(), v.regex(/^[\w-]{43}$/, "Expected 32 bytes in base64url."));

/** What people are called. */
export interface Named {
  readonly name: string;
}

/** Somebody, by id and by what they were called then. */
export interface Person extends Named {
  readonly user: string;
}

/** What a reply says about the message that it answers. */
export interface Quote extends Person {
  /** Id of that message. */
  readonly id: string;
  /** Its beginning, for those who have not loaded it. */
  readonly text: string;
}

/** One message of a room. The name is what its author was called then; `publisher.user` tells who it was. */
export interface ChatMessage extends Named {
  readonly text: string;
  readonly replyTo?: Quote | undefined;
  /** Those whose names stand behind an `@` in the text. */
  readonly mentions?: readonly Person[] | undefined;
  /** True once its author has changed it. */
  readonly isEdited?: boolean | undefined;
}

/** What a person in a room tells. */
export interface Present extends Named {
  /** True: nothing was heard of the person for a while. */
  readonly isIdle?: boolean | undefined;
}

/** A room as the directory tells of it; its key is its name in addresses. */
export interface RoomEntry {
  readonly title: string;
  /** How many people are in it now; several tabs of one person count as one. */
  readonly count: number;
  /** The first of them. */
  readonly people: readonly Person[];
  /** True: it stays when everybody has left. Otherwise it is only an address which people share. */
  readonly isKept?: boolean | undefined;
}

/** Those who gave one emoji to a message. */
export interface Reaction {
  readonly emoji: string;
  readonly people: readonly Person[];
}

/** Gives an emoji to a message, or takes it back. Doing it twice changes nothing. */
export interface ReactInput extends Named {
  readonly room: string;
  /** Id of the message. */
  readonly message: string;
  readonly emoji: string;
  readonly isGiven: boolean;
}

/** What the server says about itself. */
export interface About {
  /** False: a restart of the server forgets messages and rooms. */
  readonly isDurable: boolean;
}

/** A person without an account, as a guest ticket says. */
export interface Guest extends Named {
  /** `g_` and 128 random bits. */
  readonly id: string;
}

/** The contract of the chat: `import type { ChatContract } from "carillon/chat-contract"` in a page of your own. */
export type ChatContract = Contract<
  {
    readonly "chat:{room}": LogSpec<Schema<ChatMessage>, Schema<Present>>;
    readonly "typing:{room}": StateSpec<Schema<Named>>;
    /** Reactions by id of the message; the server alone writes them. */
    readonly "reactions:{room}": StateSpec<Schema<readonly Reaction[]>>;
    /** The directory of rooms; the server alone writes it. */
    readonly rooms: StateSpec<Schema<RoomEntry>>;
    /** What the servers of a cluster share and nobody else may see: no rule lets anybody in. */
    readonly secrets: StateSpec<Schema<string>>;
  },
  {
    /**
     * Opens a room. Fails with `room.taken` if there is one of that name, `room.full` if there are too many, `room.limit`
     * if many were opened in a short time. A room that is only an address is opened by entering it, with the same limit.
     */
    readonly "room.create": CallSpec<Schema<{ readonly title: string }>, Schema<{ readonly room: string }>>;
    readonly "message.react": CallSpec<Schema<ReactInput>, Schema<null>>;
    readonly "server.about": CallSpec<Schema<null>, Schema<About>>;
  }
>;

/** What a person tells about itself: a name of 1 to 64 characters, trimmed. */
export const namedSchema: Schema<Named> = v.object({ name });

/** What a guest ticket says about its bearer. */
export const guestSchema: Schema<Guest> = v.object({ id: v.string(), name });

/** True for the name of a room as it stands in addresses: words of a-z and 0-9, joined by single hyphens. */
export function isRoom(value: string): boolean {
  return value.length <= ROOM_MAX && /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(value);
}

/** The contract that `carillon start` serves. */
export const chatContract: ChatContract = defineContract({
  channels: {
    "chat:{room}": log({
      data: v.object({
        text,
        name,
        replyTo: v.optional(
          v.object({ id: messageId, user: userId, name, text: v.pipe(v.string(), v.maxLength(EXCERPT_MAX)) }),
        ),
        mentions: v.optional(v.pipe(v.array(person), v.maxLength(MENTIONS_MAX))),
        isEdited: v.optional(v.boolean()),
      }) satisfies Schema<ChatMessage>,
      history: { size: 10_000, ttl: "30d" },
      presence: v.object({ name, isIdle: v.optional(v.boolean()) }) satisfies Schema<Present>,
    }),
    "typing:{room}": state({ value: namedSchema, ttl: "5s" }),
    "reactions:{room}": state({
      value: v.array(v.object({ emoji, people: v.array(person) })) satisfies Schema<readonly Reaction[]>,
      owned: false,
    }),
    rooms: state({
      value: v.object({
        title: v.string(),
        count: v.number(),
        people: v.pipe(v.array(person), v.maxLength(PEOPLE_MAX)),
        isKept: v.optional(v.boolean()),
      }) satisfies Schema<RoomEntry>,
      owned: false,
    }),
    secrets: state({ value: secret satisfies Schema<string>, owned: false }),
  },
  calls: {
    "room.create": call({ input: v.object({ title: printable("title", ROOM_MAX) }), output: v.object({ room }) }),
    "message.react": call({
      input: v.object({ room, message: messageId, emoji, isGiven: v.boolean(), name }) satisfies Schema<ReactInput>,
      output: v.null(),
    }),
    "server.about": call({ input: v.null(), output: v.object({ isDurable: v.boolean() }) satisfies Schema<About> }),
  },
});

function printable(what: string, charactersMax: number): Schema<string> & v.GenericSchema<string> {
  return v.pipe(
    v.string(`Expected a ${what}.`),
    v.trim(),
    v.maxLength(charactersMax, `Expected a ${what} of at most ${charactersMax} characters.`),
    v.regex(VISIBLE, `Expected a ${what} of at least one visible character.`),
    v.check((given) => !UNPRINTABLE.test(given), `Expected a ${what} without control characters.`),
  );
}
