import { defineContract, log, state, type Contract, type LogSpec, type Schema, type StateSpec } from "@carillon/protocol";
import * as v from "valibot";

/** Most characters of a name. */
const NAME_MAX = 64;
/** Most characters of a message: a long letter, and far below the 64 KiB of a publication in any script. */
const TEXT_MAX = 8_000;
/** Control characters and halves of surrogate pairs: nothing that a person typed as a name. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}]/u;
/** Something that can be seen; a name of zero-width characters can't. */
const VISIBLE = /[\p{L}\p{N}\p{P}\p{S}]/u;

const name = v.pipe(
  v.string("Expected a name."),
  v.trim(),
  v.maxLength(NAME_MAX, `Expected a name of at most ${NAME_MAX} characters.`),
  v.regex(VISIBLE, "Expected a name of at least one visible character."),
  v.check((text) => !UNPRINTABLE.test(text), "Expected a name without control characters."),
);

const text = v.pipe(
  v.string("Expected a text."),
  v.maxLength(TEXT_MAX, `Expected a text of at most ${TEXT_MAX} characters.`),
  v.regex(/\S/u, "Expected a text that is not empty."),
);

/** What people are called. */
export interface Named {
  readonly name: string;
}

/** One message of a room. The name is what its author was called then; `publisher.user` tells who it was. */
export interface ChatMessage extends Named {
  readonly text: string;
}

/** A person without an account, as a guest ticket says. */
export interface Guest extends Named {
  /** `g_` and 128 random bits. */
  readonly id: string;
}

/** The contract of the chat: `import type { ChatContract } from "carillon/chat-contract"` in a page of your own. */
export type ChatContract = Contract<{
  readonly "chat:{room}": LogSpec<Schema<ChatMessage>, Schema<Named>>;
  readonly "typing:{room}": StateSpec<Schema<Named>>;
}>;

/** What a person tells about itself: a name of 1 to 64 characters, trimmed. */
export const namedSchema: Schema<Named> = v.object({ name });

/** What a guest ticket says about its bearer. */
export const guestSchema: Schema<Guest> = v.object({ id: v.string(), name });

/** The contract that `carillon start` serves. */
export const chatContract: ChatContract = defineContract({
  channels: {
    "chat:{room}": log({
      data: v.object({ text, name }) satisfies Schema<ChatMessage>,
      history: { size: 1_000, ttl: "30d" },
      presence: namedSchema,
    }),
    "typing:{room}": state({ value: namedSchema, ttl: "5s" }),
  },
});
