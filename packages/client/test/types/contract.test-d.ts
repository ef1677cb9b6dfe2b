/** A client of a contract takes what the contract allows, and what is wrong does not compile. */
import { connect, type Change, type Member, type Publication, type Tombstone } from "@carillon/client";
import { bytes, call, defineContract, log, state } from "@carillon/protocol";
import { type } from "arktype";
import * as v from "valibot";
import { z } from "zod";

/** True only for types that are the same. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Compiles only for `true`. */
declare function expectType<T extends true>(): T;

const contract = defineContract({
  channels: {
    "chat:{room}": log({ data: v.object({ text: v.string() }), presence: v.object({ name: v.string() }) }),
    "score:{game}:{round}": log({ data: v.pipe(v.string(), v.transform(Number)) }),
    "audio:{room}": log({ data: bytes() }),
    "typing:{room}": state({ value: z.object({ name: z.string() }), ttl: "5s" }),
    cursors: state({ value: type({ x: "number", y: "number" }) }),
  },
  calls: {
    "room.create": call({ input: v.object({ title: v.string() }), output: v.object({ room: v.string() }) }),
  },
});

const client = connect<typeof contract>({ url: "/realtime", ticket: () => "t", contract: contract.version });
declare const room: string;

// --- names ---

const lobby = client.channel("chat:lobby");
expectType<Equal<typeof lobby, ReturnType<typeof byTemplate>>>();
expectType<Equal<typeof lobby, ReturnType<typeof byParams>>>();
function byTemplate() {
  return client.channel(`chat:${room}`);
}
function byParams() {
  return client.channel("chat:{room}", { room });
}
// @ts-expect-error No pattern has this name.
client.channel("chatter:lobby");
// @ts-expect-error A parameter is not empty.
client.channel("chat:");
// @ts-expect-error One segment too many.
client.channel("chat:lobby:more");
// @ts-expect-error Nothing is known about the name.
client.channel(room);
// @ts-expect-error A parameter is absent.
client.channel("score:{game}:{round}", { game: "chess" });
// @ts-expect-error There is no such parameter.
client.channel("chat:{room}", { room, hall: "x" });

// --- log channels ---

lobby.on("publication", (publication) => {
  expectType<Equal<typeof publication, Publication<{ text: string }>>>();
  expectType<Equal<typeof publication.data, { text: string }>>();
});
lobby.on("amend", (amendment) => {
  if (!amendment.erased) expectType<Equal<typeof amendment.data, { text: string }>>();
});
lobby.on("gap", ({ reason }) => reason === "trimmed");
void lobby.publish({ text: "Hello" }, { tags: { lang: "en" }, signal: AbortSignal.abort() });
void lobby.amend("id", { text: "Hello" });
void lobby.erase("id");
async function read() {
  const { items } = await lobby.history({ limit: 10 });
  expectType<Equal<(typeof items)[number], Publication<{ text: string }> | Tombstone>>();
  for await (const { data } of lobby) expectType<Equal<typeof data, { text: string }>>();
}
void read();
// @ts-expect-error The property has another type.
void lobby.publish({ text: 1 });
// @ts-expect-error The property is absent.
void lobby.publish({});
// @ts-expect-error There is no such property.
void lobby.publish({ text: "Hello", colour: "red" });
// @ts-expect-error A change obeys the same schema.
void lobby.amend("id", { text: 1 });
// @ts-expect-error There is no such event.
lobby.on("message", () => {});
// @ts-expect-error A log has no entries.
void lobby.set({ text: "Hello" });

// A schema that transforms: one type goes in, another comes out.
const score = client.channel("score:chess:1");
void score.publish("7");
score.on("publication", ({ data }) => expectType<Equal<typeof data, number>>());
// @ts-expect-error What goes in is a string.
void score.publish(7);

const audio = client.channel("audio:live");
void audio.publish(new Uint8Array(3));
audio.on("publication", ({ data }) => expectType<Equal<typeof data, Uint8Array>>());
// @ts-expect-error Only bytes.
void audio.publish("text");

// --- presence ---

void lobby.presence.enter({ name: "Ada" });
lobby.presence.on("change", (members) => expectType<Equal<typeof members, readonly Member<{ name: string }>[]>>());
lobby.presence.on("join", ({ info }) => expectType<Equal<typeof info, { name: string }>>());
// @ts-expect-error The name is absent.
void lobby.presence.enter({});
// @ts-expect-error The channel has no presence.
void score.presence.enter({});

// --- state channels ---

const typing = client.channel("typing:lobby");
void typing.set({ name: "Ada" });
void typing.set("key", { name: "Ada" }, { expect: 3 });
void typing.set(null, { name: "Ada" }, { keep: false });
void typing.remove();
typing.on("change", (changes) => expectType<Equal<typeof changes, readonly Change<{ name: string }>[]>>());
expectType<Equal<ReturnType<typeof typing.get>, { name: string } | undefined>>();
const cursors = client.channel("cursors");
void cursors.set({ x: 1, y: 2 });
// @ts-expect-error y is absent.
void cursors.set({ x: 1 });
// @ts-expect-error The value has another type.
void typing.set("key", { name: 1 });
// @ts-expect-error A state takes no publications.
void typing.publish({ name: "Ada" });

// --- calls ---

async function create() {
  const output = await client.call("room.create", { title: "Bells" }, { timeoutMs: 1000 });
  expectType<Equal<typeof output, { room: string }>>();
}
void create();
// @ts-expect-error There is no such call.
void client.call("room.destroy", {});
// @ts-expect-error The input has another type.
void client.call("room.create", { title: 1 });

// --- listeners ---

{
  using removal = client.on("state", (change) => change.state === "connected");
  const off: () => void = lobby.on("publication", () => {}, { signal: AbortSignal.abort() });
  off();
  removal();
}
// @ts-expect-error There is no such event.
client.on("reconnect", () => {});

// --- without a contract ---

const untyped = connect({ url: "/realtime", ticket: () => "t" });
const anything = untyped.channel(room);
void anything.publish({ whatever: 1 });
void anything.set("key", 1);
void anything.presence.enter({});
untyped.channel("chat:{room}", { room });
void untyped.call("anything", {});
