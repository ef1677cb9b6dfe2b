/** What the hooks allow, and what must not compile. Checked by the compiler, never run. */
import { createHooks } from "@carillon/react";
import { expectTypeOf } from "vitest";
import { useCall, useChannel, useHistory, usePresence, useStateChannel } from "./stage.ts";

const room: string = "lobby";

const lobby = useChannel("chat:lobby", { history: 50 });
expectTypeOf(lobby.publish).parameter(0).toEqualTypeOf<{ text: string }>();
for (const row of lobby.publications) {
  if (row.type === "publication") expectTypeOf(row.data).toEqualTypeOf<{ text: string }>();
}
expectTypeOf(useChannel("chat:{room}", { room }, { limit: 10 })).toEqualTypeOf<typeof lobby>();
expectTypeOf(useChannel(`chat:${room}`)).toEqualTypeOf<typeof lobby>();
// @ts-expect-error -- a text is no number.
void lobby.publish({ text: 7 });
// @ts-expect-error -- no such option.
useChannel("chat:lobby", { histroy: 50 });
// @ts-expect-error -- no such channel.
useChannel("chats:lobby");
// @ts-expect-error -- the parameter is absent.
useChannel("chat:{room}", {});
// @ts-expect-error -- no such parameter.
useChannel("chat:{room}", { rom: room });
// @ts-expect-error -- a name that is only known to be a string has no pattern.
useChannel(room);
// @ts-expect-error -- a state channel has no publications.
useChannel("typing");
// @ts-expect-error -- a log channel has no entries.
useStateChannel("chat:lobby");

const older = useHistory("chat:lobby", { pageSize: 20 });
expectTypeOf(older.timeline).toEqualTypeOf<typeof lobby.publications>();
expectTypeOf(useHistory("chat:{room}", { room })).toEqualTypeOf<typeof older>();

const { members, users } = usePresence("chat:lobby", { info: { name: "Ada" } });
expectTypeOf(members[0]?.info).toEqualTypeOf<{ name: string } | undefined>();
expectTypeOf(users[0]?.info).toEqualTypeOf<{ name: string } | undefined>();
usePresence("chat:{room}", { room }, { info: { name: "Ada" } });
// @ts-expect-error -- the info is not that of the contract.
usePresence("chat:lobby", { info: { nick: "Ada" } });
// @ts-expect-error -- this channel has no presence.
usePresence("small:lobby");

const typing = useStateChannel("typing");
expectTypeOf(typing.own).toEqualTypeOf<{ name: string } | undefined>();
void typing.set({ name: "Ada" });
// @ts-expect-error -- the value is not that of the contract.
void typing.set({ nick: "Ada" });

const create = useCall("room.create");
expectTypeOf(create.data).toEqualTypeOf<{ room: string } | undefined>();
void create.call({ title: "Tower" });
// @ts-expect-error -- the input is not that of the contract.
void create.call({ name: "Tower" });
// @ts-expect-error -- no such call.
useCall("room.destroy");

const untyped = createHooks();
expectTypeOf(untyped.useChannel("anything").publish).parameter(0).toEqualTypeOf<unknown>();
expectTypeOf(untyped.useStateChannel(room).own).toEqualTypeOf<unknown>();
