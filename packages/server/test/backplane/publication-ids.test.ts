import { beforeEach, describe, expect, it } from "vitest";
import type { AppendRequest, Idempotency } from "../../src/backplane/channel-store.ts";
import { idKey, PublicationIds } from "../../src/backplane/publication-ids.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { appendRequest } from "../../src/testing/append-request.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import { LOG } from "./records.ts";

const WINDOW_MS = 1_000;
const LANDED = { place: { epoch: "e", offset: 1, tag: "t" }, at: 1 };

let world: VirtualWorld;
let ids: PublicationIds;

beforeEach(() => {
  world = new VirtualWorld();
  ids = new PublicationIds(world, NO_FAULTS, { windowMs: WINDOW_MS, entries: 3 });
});

function request(id: string, channel = "chat:a"): AppendRequest {
  return { ...appendRequest({ channel, options: LOG, id, data: null }), done: () => {} };
}

function under(scope: string, fingerprint = "f", resend: Idempotency["resend"] = null): Idempotency {
  return { scope, fingerprint, resend };
}

/** Attempts a publish, and appends it if nothing speaks against it. */
function attempt(id: string, idempotency: Idempotency, channel?: string): string {
  const key = idKey(request(id, channel), idempotency);
  const found = ids.check(key, id, idempotency);
  if (found === null) ids.remember(key, idempotency, LANDED);
  return found === null ? "appended" : found.ok ? "duplicate" : found.code;
}

describe("The memory of publication ids", () => {
  it("answers a repetition with the first result", () => {
    expect(attempt("p", under("i:1"))).toBe("appended");
    const again = ids.check(idKey(request("p"), under("i:1")), "p", under("i:1"));
    expect(again).toEqual({ ok: true, pos: "e.1.t", at: 1, duplicate: true });
  });

  it("refuses an id that comes back with other data", () => {
    attempt("p", under("i:1"));
    expect(attempt("p", under("i:1", "other"))).toBe("id_reused");
  });

  it("keeps channels and scopes apart", () => {
    attempt("p", under("i:1"));
    expect(attempt("p", under("i:2"))).toBe("appended");
    expect(attempt("p", under("i:1"), "chat:b")).toBe("appended");
  });

  it("forgets after the window, and refuses then what it can't check any more", () => {
    attempt("p", under("i:1"));
    const resend = { epoch: ids.epoch, at: world.wallMs() };
    world.advance(WINDOW_MS - 1);
    expect(attempt("p", under("i:1", "f", resend))).toBe("duplicate");
    world.advance(1);
    expect(attempt("p", under("i:1", "f", resend))).toBe("epoch_changed");
    expect(ids.size).toBe(0);
  });

  it("appends a repetition of an attempt that never arrived, while it could know that", () => {
    const resend = { epoch: ids.epoch, at: world.wallMs() };
    world.advance(WINDOW_MS - 1);
    expect(attempt("p", under("i:1", "f", resend))).toBe("appended");
  });

  it("refuses a repetition of what was attempted under another memory", () => {
    expect(attempt("p", under("i:1", "f", { epoch: "another", at: world.wallMs() }))).toBe("epoch_changed");
    expect(new PublicationIds(world, NO_FAULTS, { windowMs: 1, entries: 1 }).epoch).not.toBe(ids.epoch);
  });

  it("refuses new ids when it is full, still knows the old ones, and takes new ones again in time", () => {
    for (const id of ["a", "b", "c"]) attempt(id, under("i:1"));
    expect(attempt("d", under("i:1"))).toBe("overloaded");
    expect(attempt("a", under("i:1"))).toBe("duplicate");
    world.advance(WINDOW_MS);
    expect(attempt("d", under("i:1"))).toBe("appended");
  });
});
