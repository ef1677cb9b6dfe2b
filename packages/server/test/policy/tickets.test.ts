import { CarillonError } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../src/backplane/channel-store.ts";
import { MemoryTickets } from "../../src/backplane/memory-tickets.ts";
import type { TicketStore } from "../../src/backplane/ticket-store.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { AdmissionReceipt, Admitted, Credential, Refreshed } from "../../src/policy/admission.ts";
import { Tickets, type TicketRequest } from "../../src/policy/tickets.ts";
import { FakeWorld } from "./fake-world.ts";

const ADA = { id: "ada", name: "Ada" };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** A store that shows what it was given, and can be told to fail. */
class WatchedStore implements TicketStore {
  readonly seen: string[] = [];
  failing: ReadonlySet<keyof TicketStore> = new Set();
  /** Runs just before the next `put`, to come in between. */
  beforePut: (() => void) | null = null;
  readonly #store: TicketStore;

  constructor(store: TicketStore) {
    this.#store = store;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    const interrupt = this.beforePut;
    this.beforePut = null;
    interrupt?.();
    this.seen.push(key, value);
    if (!this.#fails("put", done)) this.#store.put(key, value, ttlMs, done);
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    this.seen.push(key);
    if (!this.#fails("take", done)) this.#store.take(key, done);
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    if (!this.#fails("revoke", done)) this.#store.revoke(user, ttlMs, done);
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    if (!this.#fails("revokedAt", done)) this.#store.revokedAt(user, done);
  }

  #fails(method: keyof TicketStore, done: (answer: Answer<never>) => void): boolean {
    if (!this.failing.has(method)) return false;
    done({ ok: false, code: "unavailable", message: "The store can't be reached." });
    return true;
  }
}

let world: FakeWorld;
let store: WatchedStore;
let tickets: Tickets;

beforeEach(() => {
  world = new FakeWorld();
  store = new WatchedStore(new MemoryTickets(world, 1_000));
  tickets = new Tickets(store, world, DEFAULT_LIMITS);
});

/** The result of something that answers within the call. */
function now<Result>(act: (done: (result: Result) => void) => void): Result {
  const results: Result[] = [];
  act((result) => results.push(result));
  expect(results).toHaveLength(1);
  return results[0] as Result;
}

function issue(request: Partial<TicketRequest> = {}): string {
  const result = now<{ readonly ticket: string } | CarillonError>((done) => tickets.issue({ user: ADA, ...request }, done));
  if (result instanceof CarillonError) throw result;
  return result.ticket;
}

function admit(credential: Partial<Credential>): Admitted | CarillonError {
  const from = { ticket: null, resume: null, remoteAddress: "10.0.0.1", origin: "https://app.example" };
  return now((done) => tickets.admit({ ...from, ...credential }, done));
}

function admitted(credential: Partial<Credential>): Admitted {
  const result = admit(credential);
  if (result instanceof CarillonError) throw result;
  return result;
}

function codeOf(result: unknown): string {
  return result instanceof CarillonError ? result.code : "accepted";
}

function refresh(receipt: AdmissionReceipt, ticket: string): Refreshed | CarillonError {
  const credential = { ticket, resume: null, remoteAddress: "10.0.0.1", origin: "https://app.example" };
  return now((done) => tickets.refresh(receipt, credential, done));
}

/** Calls `renew`, and says whether it found a revocation. */
function renew(receipt: AdmissionReceipt): boolean {
  let isRevoked = false;
  tickets.renew(receipt, () => {
    isRevoked = true;
  });
  return isRevoked;
}

function revoke(user: string): void {
  expect(now((done) => tickets.revoke(user, done))).toBeNull();
}

describe("a ticket", () => {
  it("lets its user in once, as a new instance", () => {
    const ticket = issue();
    const first = admitted({ ticket });
    expect(first.user).toEqual(ADA);
    expect(first.lifetimeMs).toBeNull();
    expect(codeOf(admit({ ticket }))).toBe("ticket_refused");
    expect(admitted({ ticket: issue() }).instance).not.toBe(first.instance);
  });

  it("is good until the last millisecond of its time and not beyond", () => {
    const [early, late] = [issue(), issue()];
    world.advance(DEFAULT_LIMITS.ticketTtlMs - 1);
    expect(codeOf(admit({ ticket: early }))).toBe("accepted");
    world.advance(1);
    expect(codeOf(admit({ ticket: late }))).toBe("ticket_refused");
  });

  it("can be issued for another time, within bounds", () => {
    const ticket = issue({ ttlMs: 5 * MINUTE_MS });
    world.advance(4 * MINUTE_MS);
    expect(codeOf(admit({ ticket }))).toBe("accepted");
    for (const ttlMs of [0, -1, Number.NaN, Infinity, DEFAULT_LIMITS.resumeTtlMs + 1]) {
      expect(codeOf(now((done) => tickets.issue({ user: ADA, ttlMs }, done)))).toBe("invalid_data");
    }
  });

  it("that is bound is consumed and refused at the wrong address or origin", () => {
    for (const wrong of [{ remoteAddress: "10.0.0.2" }, { origin: "https://evil.example" }, { origin: null }]) {
      const ticket = issue({ ip: "10.0.0.1", origin: "https://app.example" });
      expect(codeOf(admit({ ticket, ...wrong }))).toBe("ticket_refused");
      expect(codeOf(admit({ ticket }))).toBe("ticket_refused");
    }
    expect(codeOf(admit({ ticket: issue({ ip: "10.0.0.1", origin: "https://app.example" }) }))).toBe("accepted");
  });

  it("is refused with one and the same error whatever is wrong with it", () => {
    const used = issue();
    admitted({ ticket: used });
    const revoked = issue();
    revoke("ada");
    const bound = issue({ ip: "10.9.9.9" });
    const resume = admitted({ ticket: issue({ user: { id: "bob" } }) }).resume;
    const wrong = ["", "t_", "t_guess", used, revoked, bound, resume, "__proto__", `t_${"x".repeat(10_000)}`];
    const messages = wrong.map((ticket) => {
      const result = admit({ ticket });
      expect(codeOf(result), ticket.slice(0, 40)).toBe("ticket_refused");
      return result instanceof CarillonError ? result.message : "";
    });
    expect(new Set(messages).size).toBe(1);
  });

  it("that is far too long is refused before it is hashed", () => {
    let hashed = 0;
    const counting = { id: () => world.id(), hash: (text: string | Uint8Array) => world.hash(text).slice((hashed += 1) * 0) };
    const guarded = new Tickets(store, counting, DEFAULT_LIMITS);
    const credential = { resume: null, remoteAddress: "", origin: null };
    guarded.admit({ ...credential, ticket: `t_${"x".repeat(300)}` }, () => {});
    guarded.admit({ ...credential, ticket: null, resume: `r_${"x".repeat(300)}` }, () => {});
    expect(hashed).toBe(0);
    guarded.admit({ ...credential, ticket: "t_x" }, () => {});
    expect(hashed).toBe(2);
  });

  it("is never shown to the store, and neither is a resume credential", () => {
    const real = new Tickets(store, { id: () => world.id(), hash: (text) => String(text.length) }, DEFAULT_LIMITS);
    const { ticket } = now<{ readonly ticket: string } | CarillonError>((done) => real.issue({ user: ADA }, done)) as {
      ticket: string;
    };
    const from = { ticket, resume: null, remoteAddress: "", origin: null };
    const { resume } = now<Admitted | CarillonError>((done) => real.admit(from, done)) as Admitted;
    expect(store.seen.length).toBeGreaterThan(3);
    for (const text of store.seen) {
      expect(text).not.toContain(ticket.slice(2));
      expect(text).not.toContain(resume.slice(2));
    }
  });

  it("is issued only for a user that can be a user", () => {
    const users = [{ id: "" }, { id: "x".repeat(201) }, { id: "a\nb" }, { id: "\ud800" }, { id: "a", when: new Date(0) }];
    for (const user of users) {
      expect(codeOf(now((done) => tickets.issue({ user }, done)))).toBe("invalid_data");
    }
    const large = { id: "a", text: "x".repeat(9_000) };
    expect(codeOf(now((done) => tickets.issue({ user: large }, done)))).toBe("too_large");
    expect(admitted({ ticket: issue({ user: { id: "__proto__" } }) }).user.id).toBe("__proto__");
  });

  it("is refused with a lifetime that is none", () => {
    for (const lifetimeMs of [0, -5, Number.NaN, Infinity]) {
      expect(codeOf(now((done) => tickets.issue({ user: ADA, lifetimeMs }, done)))).toBe("invalid_data");
    }
  });
});

describe("a resume credential", () => {
  it("brings the same instance and user back, any number of times, with a new one each time", () => {
    const first = admitted({ ticket: issue() });
    let resume = first.resume;
    const seen = new Set([resume]);
    for (let time = 0; time < 10; time += 1) {
      const back = admitted({ resume });
      tickets.confirmed(back.receipt);
      expect(back).toMatchObject({ instance: first.instance, user: ADA });
      resume = back.resume;
      seen.add(resume);
    }
    expect(seen.size).toBe(11);
  });

  it("works again for a minute when the reply that replaced it was lost", () => {
    const { resume, instance } = admitted({ ticket: issue() });
    const lost = admitted({ resume });
    world.advance(DEFAULT_LIMITS.resumeOverlapMs - 1);
    const again = admitted({ resume });
    expect(again.instance).toBe(instance);
    expect(again.resume).not.toBe(lost.resume);
    world.advance(1);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
    expect(codeOf(admit({ resume: again.resume }))).toBe("accepted");
  });

  it("does not get another minute by being used within the first", () => {
    const { resume } = admitted({ ticket: issue() });
    for (let time = 0; time < 4; time += 1) {
      expect(codeOf(admit({ resume }))).toBe("accepted");
      world.advance(DEFAULT_LIMITS.resumeOverlapMs / 4);
    }
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
  });

  it("is void as soon as the next one is confirmed", () => {
    const { resume } = admitted({ ticket: issue() });
    const back = admitted({ resume });
    tickets.confirmed(back.receipt);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
    expect(codeOf(admit({ resume: back.resume }))).toBe("accepted");
  });

  it("is good for an hour after the connection ended", () => {
    const { resume, receipt } = admitted({ ticket: issue() });
    tickets.ended(receipt, false);
    world.advance(DEFAULT_LIMITS.resumeTtlMs - 1);
    expect(codeOf(admit({ resume }))).toBe("accepted");
  });

  it("is refused when it was not used for longer than it is kept", () => {
    const { resume } = admitted({ ticket: issue() });
    world.advance(1.25 * DEFAULT_LIMITS.resumeTtlMs);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
  });

  it("outlives a session of days that is renewed, and is good for an hour after its last renewal", () => {
    const { resume, receipt } = admitted({ ticket: issue() });
    for (let quarter = 0; quarter < 3 * 24 * 4; quarter += 1) {
      world.advance(DEFAULT_LIMITS.resumeTtlMs / 4);
      expect(renew(receipt)).toBe(false);
    }
    world.advance(HOUR_MS);
    expect(codeOf(admit({ resume }))).toBe("accepted");
  });

  it("that was used does not become good again when the old connection is renewed or ends late", () => {
    const { resume, receipt } = admitted({ ticket: issue() });
    const back = admitted({ resume });
    tickets.confirmed(back.receipt);
    renew(receipt);
    tickets.ended(receipt, false);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
    expect(codeOf(admit({ resume: back.resume }))).toBe("accepted");
  });

  it("that was used and not confirmed stays bounded when the old connection is renewed", () => {
    const { resume, receipt } = admitted({ ticket: issue() });
    admitted({ resume });
    renew(receipt);
    world.advance(DEFAULT_LIMITS.resumeOverlapMs);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
  });

  it("is void after a clean leave, and so is the one before", () => {
    const { resume } = admitted({ ticket: issue() });
    const back = admitted({ resume });
    tickets.ended(back.receipt, true);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
    expect(codeOf(admit({ resume: back.resume }))).toBe("resume_refused");
  });

  it("keeps the absolute end of the session's lifetime", () => {
    const start = admitted({ ticket: issue({ lifetimeMs: 10 * MINUTE_MS }) });
    expect(start.lifetimeMs).toBe(10 * MINUTE_MS);
    world.advance(4 * MINUTE_MS);
    const back = admitted({ resume: start.resume });
    expect(back.lifetimeMs).toBe(6 * MINUTE_MS);
    world.advance(6 * MINUTE_MS);
    expect(codeOf(admit({ resume: back.resume }))).toBe("resume_refused");
  });

  it("stays bound to the ticket's origin, and not to its address", () => {
    const { resume } = admitted({ ticket: issue({ ip: "10.0.0.1", origin: "https://app.example" }) });
    const roamed = admitted({ resume, remoteAddress: "192.0.2.7" });
    expect(codeOf(admit({ resume: roamed.resume, origin: "https://evil.example" }))).toBe("resume_refused");
  });

  it("is refused in the place of a ticket, and a ticket in its place", () => {
    const { resume } = admitted({ ticket: issue() });
    expect(codeOf(admit({ ticket: resume }))).toBe("ticket_refused");
    expect(codeOf(admit({ resume: issue() }))).toBe("resume_refused");
    expect(codeOf(admit({}))).toBe("resume_refused");
  });
});

describe("a revocation", () => {
  it("refuses tickets and resume credentials issued until then, and none that are issued later", () => {
    const { resume } = admitted({ ticket: issue() });
    const ticket = issue();
    const other = issue({ user: { id: "bob" } });
    revoke("ada");
    expect(codeOf(admit({ ticket }))).toBe("ticket_refused");
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
    expect(codeOf(admit({ ticket: other }))).toBe("accepted");
    world.advance(1);
    expect(codeOf(admit({ ticket: issue() }))).toBe("accepted");
  });

  it("is found by a renewal, which then renews nothing", () => {
    const { resume, receipt } = admitted({ ticket: issue() });
    revoke("ada");
    expect(renew(receipt)).toBe(true);
    expect(codeOf(admit({ resume }))).toBe("resume_refused");
  });

  it("outlives every credential that was stored before it", () => {
    const { resume } = admitted({ ticket: issue() });
    revoke("ada");
    for (let minutes = 0; minutes < 90; minutes += 1) {
      world.advance(MINUTE_MS);
      expect(codeOf(admit({ resume }))).toBe("resume_refused");
    }
  });
});

describe("a refresh", () => {
  it("takes a ticket of the same user and moves the end of the session, for later resumes as well", () => {
    const start = admitted({ ticket: issue({ lifetimeMs: 10 * MINUTE_MS }) });
    world.advance(9 * MINUTE_MS);
    const ticket = issue({ user: { id: "ada", name: "Ada L." } as typeof ADA, lifetimeMs: 20 * MINUTE_MS });
    const refreshed = refresh(start.receipt, ticket) as Refreshed;
    expect(refreshed).toMatchObject({ lifetimeMs: 20 * MINUTE_MS, user: { name: "Ada L." } });
    world.advance(15 * MINUTE_MS);
    const back = admitted({ resume: start.resume });
    expect(back).toMatchObject({ instance: start.instance, lifetimeMs: 5 * MINUTE_MS, user: { name: "Ada L." } });
  });

  it("can take the end away", () => {
    const start = admitted({ ticket: issue({ lifetimeMs: MINUTE_MS }) });
    expect(refresh(start.receipt, issue())).toMatchObject({ lifetimeMs: null });
    world.advance(2 * MINUTE_MS);
    expect(admitted({ resume: start.resume }).lifetimeMs).toBeNull();
  });

  it("refuses another user's ticket, a used one and a revoked one, and consumes them", () => {
    const { receipt } = admitted({ ticket: issue() });
    const bob = issue({ user: { id: "bob" } });
    expect(codeOf(refresh(receipt, bob))).toBe("ticket_refused");
    expect(codeOf(admit({ ticket: bob }))).toBe("ticket_refused");
    const used = issue();
    admitted({ ticket: used });
    expect(codeOf(refresh(receipt, used))).toBe("ticket_refused");
    const revoked = issue();
    revoke("ada");
    expect(codeOf(refresh(receipt, revoked))).toBe("ticket_refused");
  });

  it("can be followed by a renewal with the new receipt", () => {
    const start = admitted({ ticket: issue() });
    const { receipt } = refresh(start.receipt, issue()) as Refreshed;
    world.advance(HOUR_MS);
    expect(renew(receipt)).toBe(false);
    world.advance(HOUR_MS);
    expect(codeOf(admit({ resume: start.resume }))).toBe("accepted");
  });
});

describe("a store that fails", () => {
  it("is told as its trouble, with retry, and never lets anybody in", () => {
    const ticket = issue();
    const { resume } = admitted({ ticket: issue() });
    for (const method of ["take", "revokedAt", "put"] as const) {
      store.failing = new Set([method]);
      for (const credential of [{ ticket }, { resume }]) {
        const result = admit(credential);
        // A ticket that was taken before the failure is gone.
        expect(["unavailable", "ticket_refused"]).toContain(codeOf(result));
        if (codeOf(result) === "unavailable") expect(result).toMatchObject({ retry: true });
      }
      store.failing = new Set();
    }
  });

  it("costs no resume credential when it fails after the credential was taken", () => {
    const { resume, instance } = admitted({ ticket: issue() });
    store.failing = new Set(["revokedAt"]);
    expect(codeOf(admit({ resume }))).toBe("unavailable");
    store.failing = new Set();
    // The credential is put back; only issuing the next one fails.
    let puts = 0;
    store.beforePut = function arm() {
      puts += 1;
      store.failing = puts === 2 ? new Set(["put"]) : new Set();
      store.beforePut = puts < 3 ? arm : null;
    };
    expect(codeOf(admit({ resume }))).toBe("unavailable");
    world.advance(DEFAULT_LIMITS.resumeOverlapMs + 1);
    expect(admitted({ resume }).instance).toBe(instance);
  });

  it("that is full refuses new tickets as overloaded", () => {
    const full = new Tickets(new MemoryTickets(world, 1), world, DEFAULT_LIMITS);
    expect(codeOf(now((done) => full.issue({ user: ADA }, done)))).toBe("accepted");
    expect(codeOf(now((done) => full.issue({ user: ADA }, done)))).toBe("overloaded");
  });

  it("with a record of another kind or version under the key refuses it", () => {
    for (const value of ["", "null", "[]", "{", '{"kind":"ticket"}', '{"kind":"later","user":{"id":"ada"}}']) {
      for (const credential of [{ ticket: "t_x" }, { resume: "r_x" }]) {
        const text = credential.ticket ?? credential.resume ?? "";
        store.put(`#credential 1 ${text}#credential 2 ${text}`, value, MINUTE_MS, () => {});
        expect(codeOf(admit(credential))).toMatch(/_refused$/);
      }
    }
  });
});

it("of many attempts with one ticket exactly one comes in", () => {
  const ticket = issue();
  let accepted = 0;
  for (let attempt = 0; attempt < 100_000; attempt += 1) {
    tickets.admit({ ticket, resume: null, remoteAddress: "10.0.0.1", origin: null }, (result) => {
      if (!(result instanceof CarillonError)) accepted += 1;
    });
    store.seen.length = 0;
  }
  expect(accepted).toBe(1);
});
