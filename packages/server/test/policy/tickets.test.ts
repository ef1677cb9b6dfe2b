import { CarillonError } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import { MemoryTickets } from "../../src/backplane/memory-tickets.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Admitted } from "../../src/policy/admission.ts";
import { Tickets } from "../../src/policy/tickets.ts";
import { codeOf, now, TicketDesk } from "./ticket-desk.ts";

const ADA = { id: "ada", name: "Ada" };
const MINUTE_MS = 60_000;

let desk: TicketDesk;

beforeEach(() => {
  desk = new TicketDesk();
});

describe("a ticket", () => {
  it("lets its user in once, as a new instance", () => {
    const ticket = desk.issue();
    const first = desk.admitted({ ticket });
    expect(first.user).toEqual(ADA);
    expect(first.lifetimeMs).toBeNull();
    expect(first.now).toBe(desk.world.wallMs());
    expect(codeOf(desk.admit({ ticket }))).toBe("ticket_refused");
    expect(desk.admitted({ ticket: desk.issue() }).instance).not.toBe(first.instance);
  });

  it("is good until the last millisecond of its time and not beyond", () => {
    const [early, late] = [desk.issue(), desk.issue()];
    desk.world.advance(DEFAULT_LIMITS.ticketTtlMs - 1);
    expect(codeOf(desk.admit({ ticket: early }))).toBe("accepted");
    desk.world.advance(1);
    expect(codeOf(desk.admit({ ticket: late }))).toBe("ticket_refused");
  });

  it("can be issued for another time, within bounds", () => {
    const ticket = desk.issue({ ttlMs: 5 * MINUTE_MS });
    desk.world.advance(4 * MINUTE_MS);
    expect(codeOf(desk.admit({ ticket }))).toBe("accepted");
    for (const ttlMs of [0, -1, Number.NaN, Infinity, DEFAULT_LIMITS.resumeTtlMs + 1]) {
      expect(codeOf(desk.tryIssue({ user: ADA, ttlMs }))).toBe("invalid_data");
    }
  });

  it("that is bound is consumed and refused at the wrong address or origin", () => {
    for (const wrong of [{ remoteAddress: "10.0.0.2" }, { origin: "https://evil.example" }, { origin: null }]) {
      const ticket = desk.issue({ ip: "10.0.0.1", origin: "https://app.example" });
      expect(codeOf(desk.admit({ ticket, ...wrong }))).toBe("ticket_refused");
      expect(codeOf(desk.admit({ ticket }))).toBe("ticket_refused");
    }
    expect(codeOf(desk.admit({ ticket: desk.issue({ ip: "10.0.0.1", origin: "https://app.example" }) }))).toBe(
      "accepted",
    );
  });

  it("is refused with one and the same error whatever is wrong with it", () => {
    const used = desk.issue();
    desk.admitted({ ticket: used });
    const revoked = desk.issue();
    desk.revoke("ada");
    const bound = desk.issue({ ip: "10.9.9.9" });
    const resume = desk.admitted({ ticket: desk.issue({ user: { id: "bob" } }) }).resume;
    const wrong = ["", "t_", "t_guess", used, revoked, bound, resume, "__proto__", `t_${"x".repeat(10_000)}`];
    const messages = wrong.map((ticket) => {
      const result = desk.admit({ ticket });
      expect(codeOf(result), ticket.slice(0, 40)).toBe("ticket_refused");
      return result instanceof CarillonError ? result.message : "";
    });
    expect(new Set(messages).size).toBe(1);
  });

  it("that is far too long is refused before it is hashed", () => {
    let hashed = 0;
    const counting = {
      id: () => desk.world.id(),
      digest: (text: string) => {
        hashed += 1;
        return desk.world.digest(text);
      },
    };
    const guarded = new Tickets(desk.store, counting, DEFAULT_LIMITS);
    const credential = { resume: null, remoteAddress: "", origin: null };
    guarded.admit({ ...credential, ticket: `t_${"x".repeat(300)}` }, () => {});
    guarded.admit({ ...credential, ticket: null, resume: `r_${"x".repeat(300)}` }, () => {});
    expect(hashed).toBe(0);
    guarded.admit({ ...credential, ticket: "t_x" }, () => {});
    expect(hashed).toBe(1);
  });

  it("is never shown to the store, and neither is a resume credential", () => {
    const real = new Tickets(
      desk.store,
      { id: () => desk.world.id(), digest: (text) => String(text.length) },
      DEFAULT_LIMITS,
    );
    const { ticket } = now<{ readonly ticket: string } | CarillonError>((done) => real.issue({ user: ADA }, done)) as {
      ticket: string;
    };
    const from = { ticket, resume: null, remoteAddress: "", origin: null };
    const { resume } = now<Admitted | CarillonError>((done) => real.admit(from, done)) as Admitted;
    expect(desk.store.seen.length).toBeGreaterThan(3);
    for (const text of desk.store.seen) {
      expect(text).not.toContain(ticket.slice(2));
      expect(text).not.toContain(resume.slice(2));
    }
  });

  it("is issued only for a user that can be a user", () => {
    const users = [
      { id: "" },
      { id: "x".repeat(201) },
      { id: "a\nb" },
      { id: "\ud800" },
      { id: "a", when: new Date(0) },
    ];
    for (const user of users) {
      expect(codeOf(desk.tryIssue({ user }))).toBe("invalid_data");
    }
    const large = { id: "a", text: "x".repeat(9_000) };
    expect(codeOf(desk.tryIssue({ user: large }))).toBe("too_large");
    expect(desk.admitted({ ticket: desk.issue({ user: { id: "__proto__" } }) }).user.id).toBe("__proto__");
  });

  it("is refused with a lifetime that is none", () => {
    for (const lifetimeMs of [0, -5, Number.NaN, Infinity]) {
      expect(codeOf(desk.tryIssue({ user: ADA, lifetimeMs }))).toBe("invalid_data");
    }
  });
});

describe("a store that fails", () => {
  it("is told as its trouble, with retry, and never lets anybody in", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    for (const method of ["take", "revokedAt", "put"] as const) {
      const ticket = desk.issue();
      desk.store.failing = new Set([method]);
      expect(desk.admit({ ticket })).toMatchObject({ code: "unavailable", retry: true });
      desk.store.failing = new Set();
    }
    for (const method of ["read", "revokedAt", "put", "swap"] as const) {
      desk.store.failing = new Set([method]);
      expect(desk.admit({ resume })).toMatchObject({ code: "unavailable", retry: true });
      desk.store.failing = new Set();
    }
  });

  it("costs no resume credential, whatever it fails at", () => {
    let { resume } = desk.admitted({ ticket: desk.issue() });
    const { instance } = desk.admitted({ resume });
    for (const method of ["read", "revokedAt", "put", "swap"] as const) {
      ({ resume } = desk.admitted({ resume }));
      desk.store.failing = new Set([method]);
      expect(codeOf(desk.admit({ resume }))).toBe("unavailable");
      desk.store.failing = new Set();
      desk.world.advance(DEFAULT_LIMITS.resumeOverlapMs + 1);
      expect(desk.admitted({ resume }).instance).toBe(instance);
    }
  });

  it("leaves no credential that nobody was given when it fails at the last step", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    desk.store.failing = new Set(["swap"]);
    desk.store.seen.length = 0;
    desk.admit({ resume });
    const [, , nextKey] = desk.store.seen;
    let kept: string | null = "not asked";
    desk.store.read(nextKey ?? "", (answer) => (kept = answer.ok ? answer.value : "failed"));
    expect(kept).toBeNull();
  });

  it("that is full refuses new tickets as overloaded", () => {
    const full = new Tickets(new MemoryTickets(desk.world, 1), desk.world, DEFAULT_LIMITS);
    expect(codeOf(now((done) => full.issue({ user: ADA }, done)))).toBe("accepted");
    expect(codeOf(now((done) => full.issue({ user: ADA }, done)))).toBe("overloaded");
  });

  it("with a record of another kind or version under the key refuses it", () => {
    for (const value of ["", "null", "[]", "{", '{"kind":"ticket"}', '{"kind":"later","user":{"id":"ada"}}']) {
      for (const credential of [{ ticket: "t_x" }, { resume: "r_x" }]) {
        const text = credential.ticket ?? credential.resume ?? "";
        desk.store.put(`#credential 1 ${text}#credential 2 ${text}`, value, MINUTE_MS, () => {});
        expect(codeOf(desk.admit(credential))).toMatch(/_refused$/);
      }
    }
  });
});

describe("a resume credential that two use in the same moment", () => {
  it("lets both in, as it would one after the other, while its overlap lasts", () => {
    const { resume, instance } = desk.admitted({ ticket: desk.issue() });
    let other = "";
    desk.store.beforeSwap = () => {
      other = desk.admitted({ resume }).instance;
    };
    expect([desk.admitted({ resume }).instance, other]).toEqual([instance, instance]);
  });

  it("is refused to the slower one when the faster has confirmed its next one", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    desk.store.beforeSwap = () => desk.tickets.confirmed(desk.admitted({ resume }).receipt);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
  });

  it("is not lost by a server that dies at any step between", () => {
    let { resume } = desk.admitted({ ticket: desk.issue() });
    const { instance } = desk.admitted({ resume });
    for (const step of ["read", "revokedAt", "put", "swap"] as const) {
      ({ resume } = desk.admitted({ resume }));
      desk.store.silent = step;
      let result: unknown = "none";
      desk.tickets.admit(
        { ticket: null, resume, remoteAddress: "10.0.0.1", origin: "https://app.example" },
        (answer) => {
          result = answer;
        },
      );
      expect(result).toBe("none");
      desk.store.silent = null;
      expect(desk.admitted({ resume }).instance).toBe(instance);
    }
  });
});

it("of many attempts with one ticket exactly one comes in", () => {
  const ticket = desk.issue();
  let accepted = 0;
  for (let attempt = 0; attempt < 100_000; attempt += 1) {
    desk.tickets.admit({ ticket, resume: null, remoteAddress: "10.0.0.1", origin: null }, (result) => {
      if (!(result instanceof CarillonError)) accepted += 1;
    });
    desk.store.seen.length = 0;
  }
  expect(accepted).toBe(1);
});
