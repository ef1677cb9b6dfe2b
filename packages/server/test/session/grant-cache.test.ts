import { describe, expect, it } from "vitest";
import { defineContract, log } from "@carillon/protocol";
import * as v from "valibot";
import { resolveGrant } from "../../src/policy/grant.ts";
import { Targets, type Target } from "../../src/policy/target.ts";
import { GrantCache } from "../../src/session/grant-cache.ts";
import type { Hooks, Identity } from "../../src/session/host.ts";

const GRANTS_MAX = 8;
const ANN: Identity = {
  user: { id: "ann" },
  instance: "i_1",
  scope: "i:i_1",
  publisher: { user: "ann", instance: "i_1" },
};
const targets = new Targets(defineContract({ channels: { "chat:{room}": log({ data: v.string() }) } }));

function target(room: number): Target {
  const found = targets.find(`chat:${room}`);
  if (found === null) throw new Error("Expected a target.");
  return found;
}

/** A cache whose application grants everything, and the channels that it was asked for. */
function cacheOf(): { readonly look: (room: number) => void; readonly cache: GrantCache; readonly asked: string[] } {
  const asked: string[] = [];
  const hooks: Pick<Hooks, "authorize"> = {
    authorize: (_identity, { name }, done) => {
      asked.push(name);
      done(resolveGrant(true));
    },
  };
  const cache = new GrantCache(ANN, hooks as Hooks, { monotonicMs: () => 0 }, GRANTS_MAX);
  return {
    cache,
    asked,
    look: (room) =>
      cache.get(
        target(room),
        () => true,
        () => {},
      ),
  };
}

describe("The grants of a session", () => {
  it("are asked for once per channel", () => {
    const { look, asked } = cacheOf();
    for (const room of [1, 2, 1, 2, 1]) look(room);
    expect(asked).toEqual(["chat:1", "chat:2"]);
  });

  it("are kept for a channel that is used, whatever number of others comes by, and forgotten for the others", () => {
    const { look, asked } = cacheOf();
    for (let room = 1; room <= 10 * GRANTS_MAX; room++) {
      look(0);
      look(room);
    }
    expect(asked.filter((channel) => channel === "chat:0")).toHaveLength(1);
    look(1);
    expect(asked.filter((channel) => channel === "chat:1")).toHaveLength(2);
  });

  it("are asked for again after they were forgotten, in whichever half of the memory they were", () => {
    const { look, cache, asked } = cacheOf();
    for (let room = 0; room < GRANTS_MAX / 2 + 1; room++) look(room);
    cache.forget("chat:0");
    cache.forget(`chat:${GRANTS_MAX / 2}`);
    asked.length = 0;
    for (let room = 0; room < GRANTS_MAX / 2 + 1; room++) look(room);
    expect(asked).toEqual(["chat:0", `chat:${GRANTS_MAX / 2}`]);
  });

  it("are asked for again when they are not enough, once a second at most, and so a permission that is given holds", () => {
    let nowMs = 0;
    let isAllowed = false;
    let asked = 0;
    const hooks: Pick<Hooks, "authorize"> = {
      authorize: (_identity, _target, done) => {
        asked++;
        done(resolveGrant({ subscribe: true, publish: isAllowed }));
      },
    };
    const cache = new GrantCache(ANN, hooks as Hooks, { monotonicMs: () => nowMs }, GRANTS_MAX);
    const mayPublish = (): boolean => {
      let may = false;
      cache.get(
        target(1),
        ({ publish }) => publish,
        (grant) => (may = "publish" in grant && grant.publish),
      );
      return may;
    };
    for (let count = 0; count < 100; count++) expect(mayPublish()).toBe(false);
    expect(asked).toBe(1);
    isAllowed = true;
    nowMs += 999;
    expect(mayPublish()).toBe(false);
    nowMs += 1;
    expect(mayPublish()).toBe(true);
    expect(asked).toBe(2);
    for (let count = 0; count < 100; count++) mayPublish();
    expect(asked).toBe(2);
  });

  it("are asked for about as often by whoever is refused everywhere as by whoever asks for ever other channels", () => {
    let asked = 0;
    const hooks: Pick<Hooks, "authorize"> = {
      authorize: (_identity, _target, done) => {
        asked++;
        done(resolveGrant(false));
      },
    };
    const cache = new GrantCache(ANN, hooks as Hooks, { monotonicMs: () => 0 }, GRANTS_MAX);
    for (let round = 0; round < 10; round++)
      for (let room = 0; room < 3; room++)
        cache.get(
          target(room),
          ({ publish }) => publish,
          () => {},
        );
    expect(asked).toBe(3);
  });
});
