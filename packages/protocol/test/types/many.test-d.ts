/** 200 patterns stay exact, and cheap enough that the check as a whole is not slowed. */
import type { Contract, LogSpec, Schema, StateSpec } from "@carillon/protocol";
import { connect, expectType, type Equal } from "./face.ts";

type Digit = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9;
type Channels = { readonly [P in `log${Digit}${Digit}:{room}:part:{part}`]: LogSpec<Schema<{ of: P }>> } & {
  readonly [P in `state${Digit}${Digit}:{room}`]: StateSpec<Schema<{ of: P }>>;
};

const client = connect<Contract<Channels>>({ url: "/realtime" });
declare const room: string;

expectType<Equal<Parameters<ReturnType<typeof log42>["publish"]>[0], { of: "log42:{room}:part:{part}" }>>();
function log42() {
  return client.channel(`log42:${room}:part:a`);
}
void client.channel("state07:a").set("key", { of: "state07:{room}" });
void client.channel("state99:{room}", { room }).set("key", { of: "state99:{room}" });
// @ts-expect-error The payload is that of another pattern.
void client.channel("state07:a").set("key", { of: "state08:{room}" });
// @ts-expect-error No such namespace.
client.channel("state100:a");
