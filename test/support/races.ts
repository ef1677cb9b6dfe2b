import { defineContract, log, state } from "@carillon/protocol";
import type { Carillon, CarillonOptions, Grant } from "@carillon/server";
import * as v from "valibot";
import { RacePeer, type Leaving, type RaceDoor } from "./race-peer.ts";
import type { SeededRandom } from "./seeded-random.ts";

const contract = defineContract({
  channels: {
    "room:{n}": log({
      data: v.object({ n: v.number() }),
      history: { size: 50 },
      presence: v.object({ n: v.number() }),
    }),
    "cell:{n}": state({ value: v.object({ n: v.number() }), ttl: "200ms" }),
    "feed:main": log({ data: v.string(), history: { size: 50 } }),
  },
});
const user = v.object({ id: v.string() });

/** The server that races are run against. */
export type RaceServer = Carillon<typeof contract, typeof user>;
type RaceOptions = CarillonOptions<typeof contract, typeof user>;

const USERS = 40;
const ROOMS = 8;

/** What may happen next, and how often. */
const STEPS = {
  subscribe: 28,
  unsubscribe: 24,
  publish: 20,
  set: 14,
  close: 3,
  terminate: 3,
  half: 3,
  vanish: 3,
  "subscribe a user": 1,
  "unsubscribe a user": 1,
  "disconnect a user": 0.1,
  "revoke a user": 0.1,
};

/** Settings of the server for races: rules that answer late, and times so short that a second is enough for all. */
export function raceOptions(random: SeededRandom, more: Partial<RaceOptions>): RaceOptions {
  const late = async (): Promise<Grant> => {
    for (let turns = random.below(4); turns > 0; turns--) await turn();
    return { subscribe: true, publish: random.next() < 0.95 };
  };
  return {
    contract,
    user,
    authorize: { "room:{n}": late, "cell:{n}": () => ({ subscribe: true, set: "own" }) },
    raw: { "/raw/feed": { channel: "feed:main", format: "text", subscribe: true, publish: true } },
    ...more,
    limits: { graceMs: 100, connectTimeoutMs: 700, hookTimeoutMs: 2_000, ...more.limits },
  };
}

/** Peers that come, speak and leave at random, none of them waiting for anything. */
export class Races {
  /** What was put on a socket, by kind. */
  readonly sent = new Map<string, number>();
  /** Error codes of the replies, and how often they came. */
  readonly refusals = new Map<string, number>();
  /** Most connections that the server had at once. */
  peak = 0;
  readonly #carillon: RaceServer;
  readonly #url: (path: string) => string;
  readonly #random: SeededRandom;
  readonly #peers: RacePeer[] = [];
  /** Credentials of connections that may still stand: whoever comes back with one takes its place. */
  readonly #resumes: string[] = [];
  #connected = 0;
  #onEmpty: (() => void) | null = null;
  #id = 0;

  constructor(carillon: RaceServer, url: (path: string) => string, random: SeededRandom) {
    this.#carillon = carillon;
    this.#url = url;
    this.#random = random;
  }

  /** How many messages and leaves reached a socket. */
  get operations(): number {
    return [...this.sent.values()].reduce((sum, count) => sum + count, 0);
  }

  /** Runs with that many peers at a time until that many operations were put on sockets; everybody leaves at the end. */
  async run(peers: number, operations: number): Promise<void> {
    for (let slot = 0; slot < peers; slot++) this.#open(slot);
    await this.#until(() => this.#carillon.metrics.connections === peers);
    while (this.operations < operations) {
      for (let steps = 1 + this.#random.below(16); steps > 0; steps--) await this.#step(this.#random.below(peers));
      await turn();
      this.peak = Math.max(this.peak, this.#carillon.metrics.connections);
    }
    const left = new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
    for (const peer of this.#peers) peer.leave(this.#leaving());
    this.#closed(0);
    await left;
  }

  async #step(slot: number): Promise<void> {
    const step = this.#random.weigh(STEPS);
    const peer = this.#peers[slot];
    if (peer === undefined || peer.hasLeft) return this.#open(slot);
    const name = `u${this.#random.below(USERS)}`;
    switch (step) {
      case "subscribe a user":
        return this.#carillon.subscribe(name, `room:${this.#random.below(ROOMS)}`);
      case "unsubscribe a user":
        return this.#carillon.unsubscribe(name, `room:${this.#random.below(ROOMS)}`);
      case "disconnect a user":
        return this.#carillon.disconnect(name);
      case "revoke a user":
        return this.#carillon.tickets.revoke(name);
      case "subscribe":
      case "unsubscribe":
      case "publish":
      case "set":
        return peer.say(step, this.#command(step, slot));
      case "close":
      case "terminate":
      case "half":
      case "vanish":
        return peer.leave(step);
    }
  }

  #open(slot: number): void {
    const peer = new RacePeer(slot % 5 === 0 ? this.#rawDoor() : this.#door(`u${slot % USERS}`), {
      sent: (kind) => this.sent.set(kind, (this.sent.get(kind) ?? 0) + 1),
      message: (text) => this.#received(text),
      closed: () => this.#closed(1),
    });
    this.#peers[slot] = peer;
    this.#connected++;
    void peer.open();
  }

  #door(id: string): RaceDoor {
    return {
      url: this.#url("/realtime"),
      protocol: "carillon.1.json",
      greeting: async () => {
        const resume = this.#random.next() < 0.4 ? this.#resumes.pop() : undefined;
        const credential =
          resume === undefined ? { ticket: await this.#carillon.tickets.issue({ user: { id } }) } : { resume };
        return JSON.stringify({ cmd: "connect", id: ++this.#id, ...credential });
      },
    };
  }

  /** A raw peer takes every message for a publication, commands included. */
  #rawDoor(): RaceDoor {
    return { url: this.#url("/raw/feed"), protocol: null, greeting: null };
  }

  /** A peer keeps to two rooms, so that most of what it leaves it had entered before. */
  #command(step: "subscribe" | "unsubscribe" | "publish" | "set", slot: number): string {
    const id = ++this.#id;
    const n = (slot + this.#random.below(2)) % ROOMS;
    switch (step) {
      case "subscribe":
        return JSON.stringify({ cmd: step, id, channel: this.#channel(n), ...(id % 7 === 0 ? { history: 10 } : {}) });
      case "unsubscribe":
        return JSON.stringify({ cmd: step, id, channel: this.#channel(n) });
      case "publish":
        return JSON.stringify({ cmd: step, id, channel: `room:${n}`, publication: `p${id}`, data: { n: id } });
      case "set":
        break;
    }
    const channel = id % 2 === 0 ? `cell:${n}` : `@presence:room:${n}`;
    return JSON.stringify({ cmd: step, id, channel, data: { n: id } });
  }

  #received(text: string): void {
    const [, resume] = /"resume":"(\w[\w-]*)"/.exec(text) ?? [];
    if (resume !== undefined) this.#resumes.push(resume);
    for (const [, code] of text.matchAll(/"error":\{"code":"(\w+)"/g)) {
      if (code !== undefined) this.refusals.set(code, (this.refusals.get(code) ?? 0) + 1);
    }
  }

  #closed(count: number): void {
    this.#connected -= count;
    if (this.#connected === 0) this.#onEmpty?.();
  }

  #channel(n: number): string {
    return this.#random.pick([`room:${n}`, `cell:${n}`, `@presence:room:${n}`]);
  }

  #leaving(): Leaving {
    return this.#random.pick(["close", "terminate", "half", "vanish"]);
  }

  async #until(isMet: () => boolean): Promise<void> {
    while (!isMet()) await turn();
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
