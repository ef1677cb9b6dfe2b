/** What the exported types say, apart from any face. */
import {
  type bytes,
  call,
  defineContract,
  log,
  parseDuration,
  state,
  type CallInput,
  type CallName,
  type CallOutput,
  type CallSpec,
  type ChannelSpec,
  type Contract,
  type Duration,
  type HandlerInput,
  type HandlerOutput,
  type LogSpec,
  type NameIn,
  type Params,
  type PatternKey,
  type PatternOf,
  type PayloadInput,
  type PayloadOutput,
  type PresenceInput,
  type StateSpec,
} from "@carillon/protocol";
import { z } from "zod";
import { expectType, type Equal } from "./face.ts";

// Params.
expectType<Equal<Params<"chat:{room}">, { readonly room: string }>>();
expectType<Equal<Params<"game:{id}:seat:{seat}">, { readonly id: string; readonly seat: string }>>();
expectType<Equal<keyof Params<"news">, never>>();
expectType<Equal<Params<string>, { readonly [name: string]: string }>>();

// PatternOf, by segments.
interface Channels {
  readonly channels: {
    readonly news: 1;
    readonly "chat:{room}": 2;
    readonly "chat:{room}:typing": 3;
    readonly "doc:draft:{id}": 4;
    readonly "doc:{kind}:title": 5;
  };
}
type Of<N extends string> = PatternOf<Channels, N>;
expectType<Equal<PatternKey<Channels>, keyof Channels["channels"]>>();
expectType<Equal<Of<"news">, "news">>();
expectType<Equal<Of<"chat:lobby">, "chat:{room}">>();
expectType<Equal<Of<"chat:lobby:typing">, "chat:{room}:typing">>();
expectType<Equal<Of<`chat:${string}`>, "chat:{room}">>();
expectType<Equal<Of<`chat:${number}`>, "chat:{room}">>();
expectType<Equal<Of<`chat:room-${string}`>, "chat:{room}">>();
expectType<Equal<Of<`chat:${string}:typing`>, "chat:{room}:typing">>();
expectType<Equal<Of<`doc:draft:${string}`>, "doc:draft:{id}">>();
expectType<Equal<Of<`doc:${string}:title`>, "doc:{kind}:title">>();
expectType<Equal<Of<"chat:a" | "news">, "chat:{room}" | "news">>();
expectType<Equal<Of<"">, never>>();
expectType<Equal<Of<"chat">, never>>();
expectType<Equal<Of<"chat:">, never>>();
expectType<Equal<Of<"chat::typing">, never>>();
expectType<Equal<Of<":lobby">, never>>();
expectType<Equal<Of<"news:">, never>>();
expectType<Equal<Of<"chat:lobby:writing">, never>>();
expectType<Equal<Of<`${string}:lobby`>, never>>();
expectType<Equal<Of<`chat:${string}:${string}`>, never>>();
expectType<Equal<Of<`news${string}`>, never>>();
expectType<Equal<Of<string>, never>>();

// NameIn lets a right name through and puts a sentence in the place of a wrong one.
expectType<Equal<NameIn<Channels, "chat:lobby">, "chat:lobby">>();
expectType<Equal<NameIn<Channels, "chap:lobby">, "no channel of the contract has the name chap:lobby">>();
expectType<Equal<NameIn<Channels, "news" | "x">, "news" | "no channel of the contract has the name x">>();
expectType<Equal<NameIn<Channels, string>, "the name is only known to be a string: use channel(pattern, params)">>();

// Input and output of a schema that transforms are told apart.
const count = z.string().transform((text) => text.length);
const word = z.object({ text: z.string(), urgent: z.boolean().default(false) });
const logSpec = log({ data: word });
const withPresence = log({ data: word, presence: count });
const stateSpec = state({ value: count });
const callSpec = call({ input: count, output: word });
expectType<Equal<PayloadInput<typeof logSpec>, { text: string; urgent?: boolean | undefined }>>();
expectType<Equal<PayloadOutput<typeof logSpec>, { text: string; urgent: boolean }>>();
expectType<Equal<PresenceInput<typeof logSpec>, never>>();
expectType<Equal<PresenceInput<typeof withPresence>, string>>();
expectType<Equal<PayloadInput<typeof stateSpec>, string>>();
expectType<Equal<PayloadOutput<typeof stateSpec>, number>>();
expectType<Equal<CallInput<typeof callSpec>, string>>();
expectType<Equal<HandlerInput<typeof callSpec>, number>>();
expectType<Equal<HandlerOutput<typeof callSpec>, { text: string; urgent?: boolean | undefined }>>();
expectType<Equal<CallOutput<typeof callSpec>, { text: string; urgent: boolean }>>();
expectType<Equal<PayloadInput<LogSpec<ReturnType<typeof bytes>>>, Uint8Array>>();

// A contract keeps its keys and the kinds of its specs.
const contract = defineContract({
  channels: { "a:{b}": withPresence, "c:{d}": stateSpec },
  calls: { "x.y": callSpec },
});
expectType<Equal<PatternKey<typeof contract>, "a:{b}" | "c:{d}">>();
expectType<Equal<CallName<typeof contract>, "x.y">>();
expectType<Equal<(typeof contract)["channels"]["a:{b}"]["kind"], "log">>();
expectType<Equal<(typeof contract)["channels"]["c:{d}"], StateSpec<typeof count>>>();
expectType<Equal<(typeof contract)["calls"]["x.y"], CallSpec<typeof count, typeof word>>>();
const withoutCalls = defineContract({ channels: {} });
expectType<Equal<CallName<typeof withoutCalls>, never>>();
expectType<Equal<PatternKey<typeof withoutCalls>, never>>();
const every: readonly Contract[] = [contract, withoutCalls];
const specs: readonly ChannelSpec[] = every.flatMap(({ channels }) => Object.values(channels));
void specs;

// Durations.
const durations: readonly Duration[] = [0, 1500, "1ms", "1.5s", "2m", "3h", "30d"];
void durations;
// @ts-expect-error The unit is unknown.
parseDuration("1w", "test");
// @ts-expect-error The number is absent.
parseDuration("d", "test");

// Wrong definitions.
// @ts-expect-error The data is no schema.
log({ data: "string" });
// @ts-expect-error The option is unknown.
log({ data: word, histroy: { size: 1 } });
// @ts-expect-error A state channel has no history.
state({ value: word, history: { size: 1 } });
// @ts-expect-error A call is no channel.
defineContract({ channels: { "a:{b}": callSpec } });
// @ts-expect-error A channel is no call.
defineContract({ channels: {}, calls: { "a.b": logSpec } });
