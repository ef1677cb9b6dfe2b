import type { ModelClient } from "./model-client.ts";
import { LOGS, PRESENCE, STATES } from "./setting.ts";
import type { Stage } from "./stage.ts";
import { showBytes, type Shown } from "./wire.ts";

/** A kind of command. What it is done to and how much are small numbers, which each kind reads in its own way. */
export interface Kind {
  readonly name: string;
  /** How often it comes, relative to the others. */
  readonly weight: number;
  run(stage: Stage, client: ModelClient, what: number, amount: number): void;
}

/** `what` and `amount` are below this. */
export const NUMBERS = 12;

const TIMES_MS = [10, 150, 600, 1_500, 2_500, 4_990, 5_010, 8_500, 12_000, 16_000, 21_000, 31_000] as const;
const PADDING = ["", "x".repeat(60), "x".repeat(250)] as const;
const KEYS = [undefined, "k1", "k2", "k3"] as const;
const USERS = ["ada", "bob"] as const;

const logOf = (what: number): string => LOGS[what % 4 === 3 ? 1 : 0];
const stateOf = (what: number): string => STATES[what % 3] ?? STATES[0];
const channelOf = (what: number): string => [...LOGS, ...STATES][what % 6] ?? LOGS[0];
const isOwned = (channel: string): boolean => channel !== "board:a";
const userOf = (amount: number): string => USERS[amount % 2] ?? USERS[0];

/** Bytes now and then, and every length that matters. */
function payload(id: string, what: number): Shown {
  const text = id + (PADDING[what % 3] ?? "");
  return what === 7 ? showBytes(Buffer.from(text)) : JSON.stringify(text);
}

const TRAFFIC: readonly Kind[] = [
  {
    name: "publishes",
    weight: 20,
    run: (stage, client, what, amount) => {
      const expiresInMs = what === 11 ? 3_000 : 0;
      for (let count = 0; count <= amount; count++) {
        stage.publish(client, logOf(what), (id) => payload(id, what), expiresInMs);
      }
    },
  },
  {
    name: "the application publishes",
    weight: 3,
    run: (stage, _client, what) => stage.simulation.publish(logOf(what), stage.id("app")),
  },
  {
    name: "repeats",
    weight: 6,
    run: (_stage, { attempts }, _what, amount) => {
      const attempt = attempts.confirmed.at(-1 - amount);
      if (attempt !== undefined) attempts.repeat(attempt, attempt.value);
    },
  },
  {
    name: "reuses an id",
    weight: 2,
    run: ({ simulation }, { attempts }, _what, amount) => {
      const attempt = attempts.confirmed.at(-1 - amount);
      // What was rolled back is not known any more, so that its id may be used for anything.
      if (attempt !== undefined && simulation.logs.rollBacks === 0) attempts.repeat(attempt, '"other"');
    },
  },
  {
    name: "amends",
    weight: 6,
    run: (stage, client, what, amount) => {
      const channel = logOf(what);
      const target = stage.recent(channel, amount);
      if (target === undefined) return;
      const id = stage.id(client.name);
      const value = what % 3 === 0 ? null : JSON.stringify(`amended by ${id}`);
      client.attempts.add({ channel, id, target, value, expiresInMs: 0 });
    },
  },
  { name: "reads history", weight: 2, run: (_stage, client, what, amount) => client.history(logOf(what), 1 + amount) },
  {
    name: "sets",
    weight: 8,
    run: (_stage, client, what, amount) => {
      const channel = stateOf(what);
      client.set({ channel, key: KEYS[amount % 4], value: JSON.stringify(`${client.name} ${what}`) }, isOwned(channel));
    },
  },
  {
    name: "compares and sets",
    weight: 3,
    run: ({ simulation }, client, what, amount) => {
      const channel = stateOf(what);
      const key = KEYS[1 + (amount % 3)];
      const expect = amount < 6 ? simulation.states.version(channel, key ?? "") : amount - 6;
      const value = JSON.stringify(`${client.name} ${what} ${amount}`);
      client.set({ channel, key, value }, isOwned(channel), expect);
    },
  },
  {
    name: "removes",
    weight: 3,
    run: (_stage, client, what, amount) =>
      client.remove(stateOf(what), KEYS[amount % 4], amount > 8 ? amount : undefined),
  },
  {
    name: "enters or leaves the room",
    weight: 3,
    run: (_stage, client, what) => {
      if (what % 3 === 0) client.remove(PRESENCE, undefined);
      else client.set({ channel: PRESENCE, key: undefined, value: JSON.stringify(client.name) }, true);
    },
  },
];

const COMING_AND_GOING: readonly Kind[] = [
  { name: "comes back", weight: 9, run: (_stage, client) => client.connect() },
  {
    name: "is cut",
    weight: 7,
    run: ({ simulation }, client, what, amount) => {
      if (amount % 3 === 1) simulation.serve();
      if (amount % 3 === 2) simulation.calm();
      client.cut(what % 3 !== 0);
    },
  },
  { name: "leaves", weight: 2, run: (_stage, client) => client.leave() },
  {
    name: "is thrown out",
    weight: 1,
    run: ({ simulation }, _client, _what, amount) => simulation.throwOut(userOf(amount)),
  },
  {
    name: "subscribes",
    weight: 5,
    run: (_stage, { subscriptions }, what, amount) => {
      const channel = channelOf(what);
      subscriptions.subscribe(channel, LOGS.some((name) => name === channel) ? amount : 0);
    },
  },
  {
    name: "unsubscribes",
    weight: 3,
    run: (_stage, { subscriptions }, what, amount) => {
      subscriptions.unsubscribe(channelOf(what));
      if (amount < 4) subscriptions.forget(channelOf(what));
    },
  },
  {
    name: "is subscribed by the application",
    weight: 2,
    run: ({ simulation }, _client, what, amount) =>
      simulation.subscribeUser("subscribe", userOf(amount), channelOf(what)),
  },
  {
    name: "is unsubscribed by the application",
    weight: 1,
    run: ({ simulation }, _client, what, amount) =>
      simulation.subscribeUser("unsubscribe", userOf(amount), channelOf(what)),
  },
  {
    name: "stalls",
    weight: 9,
    run: (_stage, client) => {
      client.isStalled = client.isConnected;
    },
  },
  {
    name: "wakes",
    weight: 4,
    run: (_stage, client) => {
      client.isStalled = false;
    },
  },
];

const THE_WORLD: readonly Kind[] = [
  { name: "calm", weight: 12, run: ({ simulation }) => simulation.calm() },
  { name: "the node serves", weight: 7, run: ({ simulation }) => void simulation.serve() },
  { name: "all read", weight: 5, run: ({ simulation }) => void simulation.read() },
  {
    name: "time passes",
    weight: 8,
    run: ({ simulation }, _client, _what, amount) => simulation.advance(TIMES_MS[amount] ?? 0),
  },
  {
    name: "a channel is removed",
    weight: 1,
    run: ({ simulation }, _client, what) => simulation.removeChannel(channelOf(what)),
  },
  {
    name: "the logs are rolled back",
    weight: 3,
    run: ({ simulation }, _client, what, amount) => simulation.rollBack(1 + (amount % 8), what % 4 !== 0),
  },
];

/** Kinds by draw: each stands as often as it weighs, the simplest first, which shrinking goes for. */
export const DRAWS: readonly Kind[] = [...THE_WORLD, ...TRAFFIC, ...COMING_AND_GOING].flatMap((kind) =>
  Array.from({ length: kind.weight }, () => kind),
);
