/** A contract written with zod infers exactly, and what is wrong does not compile. */
import { call, defineContract, log, state } from "@carillon/protocol";
import { z } from "zod";
import { connect, createCarillon, expectType, type Equal } from "./face.ts";

const contract = defineContract({
  channels: {
    "chat:{room}": log({
      data: z.object({ text: z.string(), likes: z.number() }),
      history: { size: 500, ttl: "30d" },
      presence: z.object({ name: z.string() }),
    }),
    "game:{id}:cursor": state({ value: z.object({ x: z.number(), y: z.number() }), ttl: "5s" }),
    news: log({ data: z.object({ headline: z.string() }) }),
  },
  calls: {
    "room.create": call({ input: z.object({ title: z.string() }), output: z.object({ room: z.string() }) }),
  },
});

const client = connect<typeof contract>({ url: "/realtime" });
declare const room: string;

// Right names have the types of their patterns.
const lobby = client.channel("chat:lobby");
lobby.on("publication", ({ data }) => expectType<Equal<typeof data, { text: string; likes: number }>>());
void lobby.publish({ text: "Hello", likes: 1 });
void lobby.presence.enter({ name: "Ada" });
lobby.presence.on("change", (members) => expectType<Equal<(typeof members)[number]["info"], { name: string }>>());
expectType<Equal<typeof lobby, ReturnType<typeof byTemplate>>>();
expectType<Equal<typeof lobby, ReturnType<typeof byParams>>>();
function byTemplate() {
  return client.channel(`chat:${room}`);
}
function byParams() {
  return client.channel("chat:{room}", { room });
}
const cursor = client.channel(`game:${room}:cursor`);
void cursor.set("me", { x: 1, y: 2 });
expectType<Equal<typeof cursor.entries, ReadonlyMap<string, { x: number; y: number }>>>();
const news = client.channel("news");
expectType<Equal<typeof news.presence, undefined>>();

// Wrong payloads.
// @ts-expect-error A property has another type.
void lobby.publish({ text: 1, likes: 1 });
// @ts-expect-error A property is absent.
void lobby.publish({ likes: 1 });
// @ts-expect-error The schema has no such property.
void lobby.publish({ text: "Hello", likes: 1, colour: "red" });
// @ts-expect-error The member's name is absent.
void lobby.presence.enter({});
// @ts-expect-error The channel has no presence.
void news.presence.enter({ name: "Ada" });
// @ts-expect-error The value has no z.
void cursor.set("me", { x: 1, y: 2, z: 3 });
// @ts-expect-error A state channel takes no publications.
void cursor.publish({ x: 1, y: 2 });

// Wrong names.
// @ts-expect-error No namespace of that name.
client.channel("chatter:lobby");
// @ts-expect-error The parameter is empty.
client.channel("chat:");
// @ts-expect-error A segment too many.
client.channel("chat:lobby:more");
// @ts-expect-error A segment too few.
client.channel(`game:${room}`);
// @ts-expect-error One of the two names has no pattern.
client.channel(room === "" ? "chat:lobby" : "nowhere");
// @ts-expect-error A plain string has no pattern at compile time.
client.channel(room);

// Wrong params.
// @ts-expect-error The parameter has another name.
client.channel("chat:{room}", { id: room });
// @ts-expect-error The parameter is absent.
client.channel("chat:{room}", {});
// @ts-expect-error A parameter is a string.
client.channel("chat:{room}", { room: 7 });
// @ts-expect-error No such pattern.
client.channel("chat:{name}", { name: room });

// Calls.
const created = client.call("room.create", { title: "Tower" });
expectType<Equal<typeof created, Promise<{ room: string }>>>();
// @ts-expect-error No such call.
void client.call("room.destroy", { title: "Tower" });
// @ts-expect-error The input has another type.
void client.call("room.create", { title: 7 });

// The server.
const carillon = createCarillon({
  contract,
  user: z.object({ id: z.string() }),
  authorize: {
    "chat:{room}": ({ user, params }) => {
      expectType<Equal<typeof params, { readonly room: string }>>();
      expectType<Equal<typeof user, { id: string }>>();
      return { subscribe: true, publish: params.room !== "" };
    },
  },
  calls: {
    "room.create": ({ input }) => {
      expectType<Equal<typeof input, { title: string }>>();
      return { room: input.title };
    },
  },
});
void carillon.publish("chat:lobby", { text: "Hello", likes: 1 });
void carillon.publish(`chat:${room}`, { text: "Hello", likes: 1 });
void carillon.tickets.issue({ user: { id: "ada" } });
// @ts-expect-error A property has another type.
void carillon.publish("chat:lobby", { text: 1, likes: 1 });
// @ts-expect-error No such channel.
void carillon.publish("chatter:lobby", { text: "Hello", likes: 1 });
// @ts-expect-error The user has no id.
void carillon.tickets.issue({ user: {} });

// @ts-expect-error A handler returns what the contract says.
createCarillon({ contract, user: z.object({ id: z.string() }), calls: { "room.create": () => ({ room: 7 }) } });
// @ts-expect-error Every call has a handler.
createCarillon({ contract, user: z.object({ id: z.string() }), calls: {} });
