import fc from "fast-check";
import type { ModelClient } from "./model-client.ts";
import { LOGS, PRESENCE, STATES, type Setting } from "./setting.ts";
import type { Simulation } from "./simulation.ts";

/** A command of a scenario: which, by whom, on what, how much. Numbers, so that drawing and shrinking are cheap. */
export type Step = readonly [kind: number, who: number, what: number, amount: number];

/** A whole scenario. */
export interface Scenario {
  readonly setting: Setting;
  readonly steps: readonly Step[];
}

interface Kind {
  readonly name: string;
  /** How often it comes, relative to the others. */
  readonly weight: number;
  run(stage: Stage, client: ModelClient, what: number, amount: number): void;
}

const TIMES_MS = [10, 150, 600, 1_500, 2_500, 4_990, 5_010, 8_500, 12_000, 16_000, 21_000, 31_000] as const;
const PADDING = ["", "x".repeat(60), "x".repeat(250)] as const;
const KEYS = [undefined, "k1", "k2", "k3"] as const;
/** How many ids are remembered to be repeated or amended. */
const RECENT_MAX = 12;

/** A simulation with what its commands need to remember. */
class Stage {
  readonly simulation: Simulation;
  readonly #recent = new Map<string, string[]>();
  #count = 0;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** A fresh id, which tells when it was made. */
  id(name: string): string {
    return `${name}-${++this.#count}`;
  }

  publish(client: ModelClient, channel: string, what: number): void {
    const id = this.id(client.name);
    const padding = PADDING[what % 3] ?? "";
    const value = what === 7 ? `b:${Buffer.from(id + padding).toString("base64")}` : JSON.stringify(id + padding);
    client.attempts.add({ channel, id, target: null, value, expiresInMs: what === 11 ? 3_000 : 0 });
    this.remember(channel, id);
  }

  remember(channel: string, id: string): void {
    const recent = [...(this.#recent.get(channel) ?? []), id];
    this.#recent.set(channel, recent.slice(-RECENT_MAX));
  }

  recent(channel: string, back: number): string | undefined {
    return this.#recent.get(channel)?.at(-1 - back);
  }
}

const logOf = (what: number): string => LOGS[what % 4 === 3 ? 1 : 0];
const stateOf = (what: number): string => STATES[what % 3] ?? STATES[0];
const channelOf = (what: number): string => [...LOGS, ...STATES][what % 6] ?? LOGS[0];
const isOwned = (channel: string): boolean => channel !== "board:a";

const KINDS: readonly Kind[] = [
  { name: "calm", weight: 12, run: ({ simulation }) => simulation.calm() },
  { name: "serve", weight: 7, run: ({ simulation }) => void simulation.serve() },
  { name: "read", weight: 5, run: ({ simulation }) => void simulation.read() },
  { name: "comes back", weight: 9, run: (_stage, client) => client.connect() },
  {
    name: "publishes",
    weight: 20,
    run: (stage, client, what, amount) => {
      for (let count = 0; count <= amount; count++) stage.publish(client, logOf(what), what);
    },
  },
  {
    name: "the application publishes",
    weight: 3,
    run: (stage, _client, what) => {
      const id = stage.id("app");
      stage.simulation.publish(logOf(what), id);
    },
  },
  {
    name: "repeats",
    weight: 6,
    run: (_stage, client, _what, amount) => {
      const attempt = client.attempts.confirmed.at(-1 - amount);
      if (attempt !== undefined) client.attempts.repeat(attempt, attempt.value);
    },
  },
  {
    name: "reuses an id",
    weight: 2,
    run: ({ simulation }, client, _what, amount) => {
      const attempt = client.attempts.confirmed.at(-1 - amount);
      if (attempt !== undefined && simulation.logs.rollBacks === 0) client.attempts.repeat(attempt, '"other"');
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
      client.attempts.add({
        channel,
        id,
        target,
        value: what % 3 === 0 ? null : JSON.stringify(`amended by ${id}`),
        expiresInMs: 0,
      });
    },
  },
  {
    name: "sets",
    weight: 8,
    run: (_stage, client, what, amount) => {
      const channel = stateOf(what);
      client.set(channel, KEYS[amount % 4], JSON.stringify(`${client.name} ${what}`), isOwned(channel));
    },
  },
  {
    name: "compares and sets",
    weight: 3,
    run: ({ simulation }, client, what, amount) => {
      const channel = stateOf(what);
      const key = KEYS[1 + (amount % 3)];
      const expect = amount < 6 ? simulation.states.version(channel, key ?? "") : amount - 6;
      client.set(channel, key, JSON.stringify(`${client.name} ${what} ${amount}`), isOwned(channel), expect);
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
      if (what % 3 === 0) client.remove("@presence:room:a", undefined);
      else client.set("@presence:room:a", undefined, JSON.stringify(client.name), true);
    },
  },
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
    name: "subscribes",
    weight: 5,
    run: (_stage, client, what, amount) => client.subscriptions.subscribe(channelOf(what), what % 6 < LOGS.length ? amount : 0),
  },
  {
    name: "unsubscribes",
    weight: 3,
    run: (_stage, client, what, amount) => {
      client.subscriptions.unsubscribe(channelOf(what));
      if (amount < 4) client.subscriptions.forget(channelOf(what));
    },
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
  {
    name: "time passes",
    weight: 8,
    run: ({ simulation }, _client, _what, amount) => simulation.advance(TIMES_MS[amount] ?? 10),
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
  { name: "reads history", weight: 2, run: (_stage, client, what, amount) => client.history(logOf(what), 1 + amount) },
];

/** Kinds by draw: each stands as often as it weighs. */
const DRAWS = KINDS.flatMap((kind) => Array.from({ length: kind.weight }, () => kind));

/** Draws scenarios. */
export function scenarios(): fc.Arbitrary<Scenario> {
  const setting = fc.record({
    seed: fc.nat(0xffff),
    isStoreLate: fc.boolean(),
    isRuleLate: fc.boolean(),
    bufferBytes: fc.constantFrom(1_000, 300),
    isTight: fc.nat(7).map((draw) => draw === 7),
  });
  const step = fc.tuple(fc.nat(DRAWS.length - 1), fc.nat(2), fc.nat(11), fc.nat(11));
  return fc.record({ setting, steps: fc.array(step, { minLength: 1, maxLength: 90, size: "max" }) });
}

/** Plays a scenario to its end; throws what did not hold. */
export function play(simulation: Simulation, { steps }: Scenario): void {
  const stage = new Stage(simulation);
  for (const client of simulation.clients) {
    client.subscriptions.subscribe("log:a", 0);
    client.subscriptions.subscribe("held:a", 0);
    client.connect();
  }
  simulation.calm();
  for (const [kind, who, what, amount] of steps) {
    const client = simulation.clients[who];
    if (client !== undefined) DRAWS[kind]?.run(stage, client, what, amount);
  }
  simulation.finish();
  simulation.end();
}

/** A scenario as a person reads it. */
export function tell({ setting, steps }: Scenario): string {
  const lines = steps.map(([kind, who, what, amount]) => `c${who} ${DRAWS[kind]?.name} (${what}, ${amount})`);
  return [JSON.stringify(setting), ...lines].join("\n  ");
}
