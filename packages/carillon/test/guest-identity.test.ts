import { describe, expect, test } from "vitest";
import { GuestIdentity } from "../src/guest-identity.ts";

/** What a browser sends back for a `Set-Cookie` header. */
function pairOf(cookie: string): string {
  return cookie.split(";")[0] ?? "";
}

describe("the identity of a guest", () => {
  test("is new for who brings no cookie, and 128 random bits long", () => {
    const identity = new GuestIdentity("guest");
    const ids = Array.from({ length: 100 }, () => identity.of(undefined));
    expect(new Set(ids).size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^g_[\w-]{22}$/);
  });

  test("comes back with its cookie, among other cookies too", () => {
    const identity = new GuestIdentity("guest");
    const id = identity.of(undefined);
    const pair = pairOf(identity.cookie(id));
    expect(identity.of(pair)).toBe(id);
    expect(identity.of(`theme=dark; guest=stale.nonsense; ${pair}; x=1`)).toBe(id);
  });

  test("is kept in a cookie that scripts can't read and other sites can't send along", () => {
    const cookie = new GuestIdentity("guest").cookie("g_AAAAAAAAAAAAAAAAAAAAAA");
    expect(cookie).toMatch(/^guest=g_A{22}\.[\w-]{43}; /);
    expect(cookie.split("; ").slice(1)).toEqual(["Path=/", "Max-Age=31536000", "HttpOnly", "SameSite=Lax"]);
  });

  test("is not believed without a signature of this server", () => {
    const identity = new GuestIdentity("guest");
    const id = identity.of(undefined);
    const pair = pairOf(identity.cookie(id));
    const other = identity.of(undefined);
    const forged = [
      `guest=${id}`,
      `guest=${id}.`,
      pair.slice(0, -1),
      `${pair}A`,
      pair.replace(id, other),
      pairOf(new GuestIdentity("guest").cookie(id)),
      pair.replace("guest=", "Guest="),
      "guest=__proto__.constructor",
      "=;;=.;",
    ];
    for (const header of forged) expect(identity.of(header), header).not.toBe(id);
    for (const header of forged) expect(identity.of(header), header).not.toBe(other);
  });
});
