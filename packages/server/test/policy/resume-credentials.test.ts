import { beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import type { Refreshed } from "../../src/policy/admission.ts";
import { codeOf, TicketDesk } from "./ticket-desk.ts";

const ADA = { id: "ada", name: "Ada" };
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

let desk: TicketDesk;

beforeEach(() => {
  desk = new TicketDesk();
});

describe("a resume credential", () => {
  it("brings the same instance and user back, any number of times, with a new one each time", () => {
    const first = desk.admitted({ ticket: desk.issue() });
    let resume = first.resume;
    const seen = new Set([resume]);
    for (let time = 0; time < 10; time += 1) {
      const back = desk.admitted({ resume });
      desk.tickets.confirmed(back.receipt);
      expect(back).toMatchObject({ instance: first.instance, user: ADA });
      resume = back.resume;
      seen.add(resume);
    }
    expect(seen.size).toBe(11);
  });

  it("gives each session of its instance a higher term than any before, also when it is used again and after a refresh", () => {
    const first = desk.admitted({ ticket: desk.issue() });
    const lost = desk.admitted({ resume: first.resume });
    const again = desk.admitted({ resume: first.resume });
    const third = desk.admitted({ resume: again.resume });
    const refreshed = desk.refresh(third.receipt, desk.issue());
    expect(codeOf(refreshed)).toBe("accepted");
    desk.renew((refreshed as Refreshed).receipt);
    const last = desk.admitted({ resume: third.resume });
    expect([first, lost, again, third, last].map(({ term }) => term)).toEqual([1, 2, 3, 4, 5]);
  });

  it("that two use at once gives each a term of its own", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    const terms: number[] = [];
    desk.store.beforeSwap = () => terms.push(desk.admitted({ resume }).term);
    terms.push(desk.admitted({ resume }).term);
    expect(terms).toEqual([2, 3]);
  });

  it("works again for a minute when the reply that replaced it was lost", () => {
    const { resume, instance } = desk.admitted({ ticket: desk.issue() });
    const lost = desk.admitted({ resume });
    desk.world.advance(DEFAULT_LIMITS.resumeOverlapMs - 1);
    const again = desk.admitted({ resume });
    expect(again.instance).toBe(instance);
    expect(again.resume).not.toBe(lost.resume);
    desk.world.advance(1);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    expect(codeOf(desk.admit({ resume: again.resume }))).toBe("accepted");
  });

  it("does not get another minute by being used within the first", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    for (let time = 0; time < 4; time += 1) {
      expect(codeOf(desk.admit({ resume }))).toBe("accepted");
      desk.world.advance(DEFAULT_LIMITS.resumeOverlapMs / 4);
    }
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
  });

  it("is void as soon as the next one is confirmed", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    const back = desk.admitted({ resume });
    desk.tickets.confirmed(back.receipt);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    expect(codeOf(desk.admit({ resume: back.resume }))).toBe("accepted");
  });

  it("is good for an hour after the connection ended", () => {
    const { resume, receipt } = desk.admitted({ ticket: desk.issue() });
    desk.tickets.ended(receipt, false);
    desk.world.advance(DEFAULT_LIMITS.resumeTtlMs - 1);
    expect(codeOf(desk.admit({ resume }))).toBe("accepted");
  });

  it("is refused when it was not used for longer than it is kept", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    desk.world.advance(1.25 * DEFAULT_LIMITS.resumeTtlMs);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
  });

  it("outlives a session of days that is renewed, and is good for an hour after its last renewal", () => {
    const { resume, receipt } = desk.admitted({ ticket: desk.issue() });
    for (let quarter = 0; quarter < 3 * 24 * 4; quarter += 1) {
      desk.world.advance(DEFAULT_LIMITS.resumeTtlMs / 4);
      expect(desk.renew(receipt)).toBe(false);
    }
    desk.world.advance(HOUR_MS);
    expect(codeOf(desk.admit({ resume }))).toBe("accepted");
  });

  it("that was used does not become good again when the old connection is renewed or ends late", () => {
    const { resume, receipt } = desk.admitted({ ticket: desk.issue() });
    const back = desk.admitted({ resume });
    desk.tickets.confirmed(back.receipt);
    desk.renew(receipt);
    desk.tickets.ended(receipt, false);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    expect(codeOf(desk.admit({ resume: back.resume }))).toBe("accepted");
  });

  it("that was used and not confirmed stays bounded when the old connection is renewed", () => {
    const { resume, receipt } = desk.admitted({ ticket: desk.issue() });
    desk.admitted({ resume });
    desk.renew(receipt);
    desk.world.advance(DEFAULT_LIMITS.resumeOverlapMs);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
  });

  it("is void after a clean leave, and so is the one before", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    const back = desk.admitted({ resume });
    desk.tickets.ended(back.receipt, true);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    expect(codeOf(desk.admit({ resume: back.resume }))).toBe("resume_refused");
  });

  it("keeps the absolute end of the session's lifetime", () => {
    const start = desk.admitted({ ticket: desk.issue({ lifetimeMs: 10 * MINUTE_MS }) });
    expect(start.lifetimeMs).toBe(10 * MINUTE_MS);
    desk.world.advance(4 * MINUTE_MS);
    const back = desk.admitted({ resume: start.resume });
    expect(back.lifetimeMs).toBe(6 * MINUTE_MS);
    desk.world.advance(6 * MINUTE_MS);
    expect(codeOf(desk.admit({ resume: back.resume }))).toBe("resume_refused");
  });

  it("stays bound to the ticket's origin, and not to its address", () => {
    const { resume } = desk.admitted({ ticket: desk.issue({ ip: "10.0.0.1", origin: "https://app.example" }) });
    const roamed = desk.admitted({ resume, remoteAddress: "192.0.2.7" });
    expect(codeOf(desk.admit({ resume: roamed.resume, origin: "https://evil.example" }))).toBe("resume_refused");
  });

  it("is refused in the place of a ticket, and a ticket in its place", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    expect(codeOf(desk.admit({ ticket: resume }))).toBe("ticket_refused");
    expect(codeOf(desk.admit({ resume: desk.issue() }))).toBe("resume_refused");
    expect(codeOf(desk.admit({}))).toBe("resume_refused");
  });
});

describe("a revocation", () => {
  it("refuses tickets and resume credentials issued until then, and none that are issued later", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    const ticket = desk.issue();
    const other = desk.issue({ user: { id: "bob" } });
    desk.revoke("ada");
    expect(codeOf(desk.admit({ ticket }))).toBe("ticket_refused");
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    expect(codeOf(desk.admit({ ticket: other }))).toBe("accepted");
    desk.world.advance(1);
    expect(codeOf(desk.admit({ ticket: desk.issue() }))).toBe("accepted");
  });

  it("is found by a renewal, which then renews nothing", () => {
    const { resume, receipt } = desk.admitted({ ticket: desk.issue() });
    desk.revoke("ada");
    expect(desk.renew(receipt)).toBe(true);
    expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
  });

  it("outlives every credential that was stored before it", () => {
    const { resume } = desk.admitted({ ticket: desk.issue() });
    desk.revoke("ada");
    for (let minutes = 0; minutes < 90; minutes += 1) {
      desk.world.advance(MINUTE_MS);
      expect(codeOf(desk.admit({ resume }))).toBe("resume_refused");
    }
  });
});

describe("a refresh", () => {
  it("takes a ticket of the same user and moves the end of the session, for later resumes as well", () => {
    const start = desk.admitted({ ticket: desk.issue({ lifetimeMs: 10 * MINUTE_MS }) });
    desk.world.advance(9 * MINUTE_MS);
    const user = { ...ADA, name: "Ada L." };
    const ticket = desk.issue({ user, lifetimeMs: 20 * MINUTE_MS });
    const refreshed = desk.refresh(start.receipt, ticket) as Refreshed;
    expect(refreshed).toMatchObject({ lifetimeMs: 20 * MINUTE_MS, user: { name: "Ada L." } });
    desk.world.advance(15 * MINUTE_MS);
    const back = desk.admitted({ resume: start.resume });
    expect(back).toMatchObject({ instance: start.instance, lifetimeMs: 5 * MINUTE_MS, user: { name: "Ada L." } });
  });

  it("can take the end away", () => {
    const start = desk.admitted({ ticket: desk.issue({ lifetimeMs: MINUTE_MS }) });
    expect(desk.refresh(start.receipt, desk.issue())).toMatchObject({ lifetimeMs: null });
    desk.world.advance(2 * MINUTE_MS);
    expect(desk.admitted({ resume: start.resume }).lifetimeMs).toBeNull();
  });

  it("refuses another user's ticket, a used one and a revoked one, and consumes them", () => {
    const { receipt } = desk.admitted({ ticket: desk.issue() });
    const bob = desk.issue({ user: { id: "bob" } });
    expect(codeOf(desk.refresh(receipt, bob))).toBe("ticket_refused");
    expect(codeOf(desk.admit({ ticket: bob }))).toBe("ticket_refused");
    const used = desk.issue();
    desk.admitted({ ticket: used });
    expect(codeOf(desk.refresh(receipt, used))).toBe("ticket_refused");
    const revoked = desk.issue();
    desk.revoke("ada");
    expect(codeOf(desk.refresh(receipt, revoked))).toBe("ticket_refused");
  });

  it("can be followed by a renewal with the new receipt", () => {
    const start = desk.admitted({ ticket: desk.issue() });
    const { receipt } = desk.refresh(start.receipt, desk.issue()) as Refreshed;
    desk.world.advance(HOUR_MS);
    expect(desk.renew(receipt)).toBe(false);
    desk.world.advance(HOUR_MS);
    expect(codeOf(desk.admit({ resume: start.resume }))).toBe("accepted");
  });
});
