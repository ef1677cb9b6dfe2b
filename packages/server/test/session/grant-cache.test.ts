import { describe, expect, it } from "vitest";
import { CarillonError, defineContract, log } from "@carillon/protocol";
import * as v from "valibot";
import { resolveGrant } from "../../src/policy/grant.ts";
import { Targets, type Target } from "../../src/policy/target.ts";
import { GrantCache } from "../../src/session/grant-cache.ts";
import type { Hooks, Identity } from "../../src/session/host.ts";

const GRANTS_MAX = 8;
const ANN: Identity = {
  userId: "ann",
  user: { id: "ann" },
  instance: "i_1",
  term: 1,
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

  it("are asked for again when the store has refused what they allow, once a second at most", () => {
    let nowMs = 0;
    let amend: "own" | "any" = "own";
    let asked = 0;
    const hooks: Pick<Hooks, "authorize"> = {
      authorize: (_identity, _target, done) => {
        asked++;
        done(resolveGrant({ amend }));
      },
    };
    const cache = new GrantCache(ANN, hooks as Hooks, { monotonicMs: () => nowMs }, GRANTS_MAX);
    const mayAmend = (): unknown => {
      let may: unknown = null;
      cache.get(
        target(1),
        (grant) => grant.amend !== null,
        (grant) => (may = "amend" in grant && grant.amend),
      );
      if (may === "own") cache.notEnough(target(1));
      return may;
    };
    for (let count = 0; count < 100; count++) expect(mayAmend()).toBe("own");
    expect(asked).toBe(1);
    amend = "any";
    nowMs += 999;
    expect(mayAmend()).toBe("own");
    nowMs += 1;
    for (let count = 0; count < 100; count++) expect(mayAmend()).toBe("any");
    expect(asked).toBe(2);
  });

  it("stay in force for what they allow when the application can't say whether there is more by now", () => {
    let nowMs = 0;
    let isBroken = false;
    let asked = 0;
    const hooks: Pick<Hooks, "authorize"> = {
      authorize: (_identity, _target, done) => {
        asked++;
        done(isBroken ? new CarillonError("internal", "The rule failed.") : resolveGrant({ publish: true }));
      },
    };
    const cache = new GrantCache(ANN, hooks as Hooks, { monotonicMs: () => nowMs }, GRANTS_MAX);
    const can = (action: "publish" | "subscribe"): string => {
      let answer = "";
      cache.get(
        target(1),
        (grant) => grant[action],
        (grant) => (answer = grant instanceof CarillonError ? "error" : String(grant[action])),
      );
      return answer;
    };
    expect([can("publish"), can("subscribe")]).toEqual(["true", "false"]);
    isBroken = true;
    nowMs += 1_000;
    asked = 0;
    expect(Array.from({ length: 10 }, () => can("publish"))).toEqual(Array.from({ length: 10 }, () => "true"));
    expect(asked).toBe(1);
    nowMs += 1_000;
    expect(can("subscribe")).toBe("error");
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
