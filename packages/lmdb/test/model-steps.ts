import fc from "fast-check";
import type { AppendRequest, ApplyRequest, ChannelOptions } from "@carillon/server/testing";
import { CHANNELS, LOGS, STATES, type Subject } from "./model-subject.ts";

/** Something that is asked of both, and how it is written down when they differ. */
export class Step {
  readonly run: (subject: Subject) => Promise<unknown>;
  readonly #what: string;

  constructor(what: unknown, run: (subject: Subject) => Promise<unknown>) {
    this.#what = JSON.stringify(what);
    this.run = run;
  }

  [fc.toStringMethod](): string {
    return this.#what;
  }
}

const channelOf = <T>(channels: Readonly<Record<string, T>>): fc.Arbitrary<string> =>
  fc.constantFrom(...Object.keys(channels));
const id = fc.integer({ min: 0, max: 11 }).map((number) => `p${number}`);
const data = fc.constantFrom('"one"', '"two"', '"three"', new Uint8Array([1, 2]));
const user = fc.constantFrom("ada", "bob");
const publisher = (name: string): { readonly user: string; readonly instance: string } => ({
  user: name,
  instance: `i:${name}`,
});

const request: fc.Arbitrary<Omit<AppendRequest, "done">> = fc
  .record({
    channel: channelOf(LOGS),
    id,
    data,
    user,
    isKeyed: fc.boolean(),
    target: fc.option(id, { freq: 2 }),
    isErasure: fc.boolean(),
    isOwn: fc.boolean(),
    expiresInMs: fc.constantFrom(0, 0, 900),
    version: fc.constantFrom(1, 1, 2),
  })
  .map(({ channel, id: name, data: payload, user: by, isKeyed, target, isErasure, isOwn, ...rest }) => ({
    channel,
    options: LOGS[channel] as ChannelOptions,
    id: target === null ? name : `a${name}`,
    data: target !== null && isErasure ? null : payload,
    publisher: publisher(by),
    idempotency: isKeyed
      ? { scope: `i:${by}`, fingerprint: JSON.stringify([payload, target, isErasure]), resend: null }
      : null,
    amend: target === null ? null : { target, onlyBy: isOwn ? by : null },
    tags: null,
    meta: null,
    ...rest,
  }));

const appending: fc.Arbitrary<Step> = fc.array(request, { minLength: 1, maxLength: 8 }).map(
  (batch) =>
    new Step({ append: batch }, ({ channels }) => {
      const results: Promise<unknown>[] = [];
      const sent = batch.map((one) => {
        const { promise, resolve } = later();
        results.push(promise);
        return { ...one, done: resolve };
      });
      channels.append(sent);
      return Promise.all(results);
    }),
);

function later(): { readonly promise: Promise<unknown>; readonly resolve: (result: unknown) => void } {
  let resolve: (result: unknown) => void = () => {};
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

/** Sessions of each instance, by their terms. */
const session = fc.constantFrom(1, 2, 3);
const holderOf = (by: string, term: number): string => `i:${by}/${term}/s${term}`;
const key = fc.constantFrom("k1", "k2", "k3", "k4", "k5", "k6");
const change: fc.Arbitrary<ApplyRequest["change"]> = fc.oneof(
  fc
    .record({
      key,
      data,
      user,
      session,
      ownOnly: fc.boolean(),
      expect: fc.option(fc.integer({ min: 0, max: 9 }), { freq: 4 }),
    })
    .map(({ user: by, session: held, ...rest }) => ({
      op: "set" as const,
      owner: publisher(by),
      holder: holderOf(by, held),
      ...rest,
      expect: rest.expect === 9 ? null : rest.expect,
    })),
  fc
    .record({ key, data })
    .map((rest) => ({ op: "set" as const, owner: null, holder: null, ownOnly: false, expect: null, ...rest })),
  // What nobody owns has a last session all the same.
  fc.record({ key, data, user, session }).map(({ user: by, session: held, ...rest }) => ({
    op: "set" as const,
    owner: null,
    holder: holderOf(by, held),
    ownOnly: false,
    expect: null,
    ...rest,
  })),
  fc.record({ key, onlyBy: fc.option(user), session }).map(({ key: name, onlyBy, session: held }) => ({
    op: "remove" as const,
    key: name,
    expect: null,
    holder: onlyBy === null ? null : holderOf(onlyBy, held),
    onlyBy: onlyBy === null ? null : `i:${onlyBy}`,
  })),
  fc.record({ user, session }).map(({ user: by, session: held }) => ({
    op: "release" as const,
    instance: `i:${by}`,
    holder: holderOf(by, held),
  })),
);

const applying: fc.Arbitrary<Step> = fc.record({ channel: channelOf(STATES), change }).map(
  ({ channel, change: what }) =>
    new Step({ channel, apply: what }, ({ channels }) => {
      const { promise, resolve } = later();
      channels.apply([{ channel, options: STATES[channel] as ChannelOptions, change: what, done: resolve }]);
      return promise;
    }),
);

const reading: fc.Arbitrary<Step> = fc
  .record({
    channel: channelOf(CHANNELS),
    back: fc.integer({ min: 1, max: 30 }),
    items: fc.constantFrom(1, 3, 100),
    bytes: fc.constantFrom(1, 8, 1_000),
  })
  .map(
    ({ channel, back, items, bytes }) =>
      new Step({ read: channel, back, items, bytes }, ({ channels, positions }) => {
        const { promise, resolve } = later();
        const after = positions.at(-back) ?? "nowhere";
        channels.read(
          { channel, options: CHANNELS[channel] as ChannelOptions, after, bounds: { items, bytes } },
          resolve,
        );
        return promise;
      }),
  );

const lookingBack: fc.Arbitrary<Step> = fc
  .record({ channel: channelOf(LOGS), back: fc.integer({ min: 0, max: 30 }), limit: fc.integer({ min: 0, max: 12 }) })
  .map(
    ({ channel, back, limit }) =>
      new Step({ history: channel, back, limit }, ({ channels, positions }) => {
        const { promise, resolve } = later();
        const before = back === 0 ? null : (positions.at(-back) ?? "nowhere");
        channels.history({ channel, options: LOGS[channel] as ChannelOptions, before, limit }, resolve);
        return promise;
      }),
  );

const snapshot: fc.Arbitrary<Step> = channelOf(STATES).map(
  (channel) =>
    new Step({ snapshot: channel }, ({ channels }) => {
      const { promise, resolve } = later();
      channels.snapshot(channel, STATES[channel] as ChannelOptions, resolve);
      return promise;
    }),
);

const removing: fc.Arbitrary<Step> = channelOf(CHANNELS).map(
  (channel) =>
    new Step({ remove: channel }, ({ channels }) => {
      const { promise, resolve } = later();
      channels.remove(channel, CHANNELS[channel] as ChannelOptions, resolve);
      return promise;
    }),
);

const credential = fc.constantFrom("c1", "c2", "c3", "c4", "c5");
const keeping: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ credential, ttlMs: fc.constantFrom(500, 5_000) }).map(
    ({ credential: name, ttlMs }) =>
      new Step({ put: name, ttlMs }, ({ tickets }) => {
        const { promise, resolve } = later();
        tickets.put(name, `value of ${name}`, ttlMs, resolve);
        return promise;
      }),
  ),
  credential.map(
    (name) =>
      new Step({ take: name }, ({ tickets }) => {
        const { promise, resolve } = later();
        tickets.take(name, resolve);
        return promise;
      }),
  ),
);

/** Time that passes, in milliseconds. */
export interface Pass {
  readonly pass: number;
}
const passing: fc.Arbitrary<Pass> = fc.constantFrom(50, 400, 1_000, 2_500).map((pass) => ({ pass }));
const restarting = fc.constant("restart" as const);

/** Whatever may be asked of both stores. */
export const step = fc.oneof(
  { arbitrary: appending, weight: 8 },
  { arbitrary: applying, weight: 6 },
  { arbitrary: reading, weight: 5 },
  { arbitrary: lookingBack, weight: 3 },
  { arbitrary: snapshot, weight: 2 },
  { arbitrary: keeping, weight: 2 },
  { arbitrary: passing, weight: 3 },
  { arbitrary: removing, weight: 1 },
);

/** The same, with restarts. Entries of instances end with the server; that alone is different, and tested elsewhere. */
export const stepOrRestart = fc.oneof(
  { arbitrary: appending, weight: 8 },
  { arbitrary: reading, weight: 5 },
  { arbitrary: lookingBack, weight: 3 },
  { arbitrary: snapshot, weight: 2 },
  { arbitrary: keeping, weight: 2 },
  { arbitrary: passing, weight: 3 },
  { arbitrary: removing, weight: 1 },
  { arbitrary: restarting, weight: 2 },
);
