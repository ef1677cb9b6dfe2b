import { describe, expect, test } from "vitest";
import { cookieNameAt, cookieNameOf, GuestIdentity } from "../src/guest-identity.ts";

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

  test("is known on every server with the same key, and to no other", () => {
    const [key, otherKey] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
    const identity = new GuestIdentity(cookieNameOf(key), key);
    const other = new GuestIdentity(cookieNameOf(otherKey), otherKey);
    const id = identity.of(undefined);
    const jar = [identity.cookie(id), other.cookie(other.of(undefined))].map(pairOf).join("; ");
    expect(cookieNameOf(key)).toMatch(/^carillon_guest_[0-9a-f]{12}$/);
    expect(new GuestIdentity(cookieNameOf(key), key).of(jar), "the other server has not written over it").toBe(id);
    expect(other.of(jar)).not.toBe(id);
    expect(other.of(pairOf(identity.cookie(id)).replace(cookieNameOf(key), cookieNameOf(otherKey)))).not.toBe(id);
  });

  test("is known by a cookie of another name too, if this server has signed it and there is none of its name", () => {
    const key = new Uint8Array(32).fill(1);
    const before = new GuestIdentity(cookieNameAt(3_000), key);
    const identity = new GuestIdentity(cookieNameOf(key), key);
    const [old, present] = [before.of(undefined), identity.of(undefined)];
    expect(identity.of(pairOf(before.cookie(old)))).toBe(old);
    expect(identity.of(`${pairOf(before.cookie(old))}; ${pairOf(identity.cookie(present))}`)).toBe(present);
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
