import { CarillonError } from "@carillon/protocol";
import { SILENT_LOGGER } from "@carillon/server";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Guest } from "../src/chat-contract.ts";
import { GuestIdentity } from "../src/guest-identity.ts";
import { guestTickets, networkOf } from "../src/guest-tickets.ts";
import { HttpListener } from "../src/http-listener.ts";
import { Router } from "../src/router.ts";

const ORIGIN = "http://localhost:3000";
const JSON_TYPE = { "Content-Type": "application/json" };

describe("guest tickets", () => {
  let listener: HttpListener;
  let url: string;
  let nowMs = 0;
  let failure: Error | null = null;
  const issued: { guest: Guest; origin: string | null }[] = [];

  async function serve(trustProxy: number): Promise<void> {
    const guests = new GuestIdentity("guest");
    const route = guestTickets({
      identity: () => guests,
      origins: new Set([ORIGIN]),
      trustProxy,
      issue: async (guest, origin) => {
        if (failure !== null) throw failure;
        return `t_${issued.push({ guest, origin })}`;
      },
      monotonicMs: () => nowMs,
    });
    const router = new Router([["/ticket", route]]);
    listener = new HttpListener({ handler: (request) => router.answer(request), logger: SILENT_LOGGER });
    url = `http://127.0.0.1:${await listener.listen("127.0.0.1", 0)}/ticket`;
  }

  beforeEach(async () => {
    issued.length = 0;
    failure = null;
    nowMs = 0;
    await serve(0);
  });

  afterEach(() => listener.close(0));

  const ask = (body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(url, { method: "POST", headers: { ...JSON_TYPE, ...headers }, body: JSON.stringify(body) });

  test("are plain text, for one use, and never kept by a cache", async () => {
    const response = await ask({ name: " Ada " });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/plain; charset=utf-8");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await response.text()).toBe("t_1");
    expect(issued).toEqual([{ guest: { id: expect.stringMatching(/^g_/), name: "Ada" }, origin: null }]);
  });

  test("name the same guest to the same browser, whatever the name", async () => {
    const cookie = (await ask({ name: "Ada" })).headers.get("set-cookie") ?? "";
    await ask({ name: "Countess" }, { Cookie: cookie.split(";")[0] ?? "" });
    await ask({ name: "Ada" });
    const [first, second, third] = issued.map(({ guest }) => guest);
    expect(second).toEqual({ id: first?.id, name: "Countess" });
    expect(third?.id).not.toBe(first?.id);
  });

  test("are to be asked for again, without a word in the log, while the store can't be reached", async () => {
    failure = new CarillonError("unavailable", "Redis can't be reached.");
    const response = await ask({ name: "Ada" });
    expect([response.status, response.headers.get("retry-after")]).toEqual([503, "1"]);
    expect(await response.json()).toMatchObject({ error: { code: "unavailable" } });
  });

  test("come with a cookie for HTTPS alone where a trusted proxy speaks it", async () => {
    const cookieOf = async (): Promise<string | null> =>
      (await ask({ name: "Ada" }, { "X-Forwarded-Proto": "https" })).headers.get("set-cookie");
    expect(await cookieOf()).not.toContain("Secure");
    await listener.close(0);
    await serve(1);
    expect(await cookieOf()).toMatch(/; Secure$/);
  });

  test("are bound to the page that asked", async () => {
    await ask({ name: "Ada" }, { Origin: ORIGIN, "Sec-Fetch-Site": "same-origin" });
    expect(issued).toMatchObject([{ origin: ORIGIN }]);
  });

  test.each([
    ["another origin", { Origin: "http://evil.test" }],
    ["the opaque origin", { Origin: "null" }],
    ["a name that was rebound to this address", { Origin: "http://evil.test:3000", "Sec-Fetch-Site": "same-origin" }],
    ["another port", { Origin: "http://localhost:3001", "Sec-Fetch-Site": "same-site" }],
    ["a foreign page without an origin", { "Sec-Fetch-Site": "cross-site" }],
    ["an allowed origin in a foreign frame", { Origin: ORIGIN, "Sec-Fetch-Site": "cross-site" }],
  ])("are refused to %s", async (_, headers) => {
    const response = await ask({ name: "Ada" }, headers);
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: "origin_refused" } });
    expect(issued).toEqual([]);
  });

  test("say in words for people what is wrong with a name", async () => {
    const response = await ask({ name: "a".repeat(65) });
    expect(await response.json()).toEqual({
      error: { code: "bad_name", message: "Expected a name of at most 64 characters." },
    });
  });

  test.each([
    ["no name", {}],
    ["an empty name", { name: "" }],
    ["a long name", { name: "a".repeat(65) }],
    ["a name with control characters", { name: "Ada\u0000" }],
    ["no object", "Ada"],
    ["null", null],
  ])("are refused for %s", async (_, body) => {
    const response = await ask(body);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { code: "bad_name" } });
    expect(response.headers.get("set-cookie")).toBe(null);
  });

  test("are limited for one address, and come back with time", async () => {
    const statuses = new Map<number, number>();
    for (let index = 0; index < 110; index += 1) {
      const { status } = await ask({ name: "Ada" });
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect([...statuses]).toEqual([
      [200, 100],
      [429, 10],
    ]);
    const refused = await ask({ name: "Ada" });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect(await refused.json()).toMatchObject({ error: { code: "limit_exceeded" } });
    nowMs += 1_000;
    const again = await Promise.all(Array.from({ length: 10 }, () => ask({ name: "Ada" })));
    expect(again.filter(({ status }) => status === 200)).toHaveLength(5);
  });

  /** Statuses of more requests than one address may make at once, each said to come from another. */
  async function statusesOf(headerOf: (index: number) => string): Promise<Set<number>> {
    const statuses = new Set<number>();
    for (let index = 0; index < 101; index += 1) {
      const { status } = await ask({ name: "Ada" }, { "X-Forwarded-For": headerOf(index) });
      statuses.add(status);
    }
    return statuses;
  }

  test("are limited for each address behind a proxy that is trusted, by what that proxy saw alone", async () => {
    await listener.close(0);
    await serve(1);
    expect(await statusesOf((index) => `203.0.113.9, 192.0.2.${index}`)).toEqual(new Set([200]));
    expect(await statusesOf((index) => `192.0.2.${index}, 203.0.113.9`)).toEqual(new Set([200, 429]));
  });

  test("are limited for the address that asks, whatever it says, where no proxy is trusted", async () => {
    expect(await statusesOf((index) => `192.0.2.${index}`)).toEqual(new Set([200, 429]));
  });
});

describe("who shares a limit", () => {
  test.each([
    ["192.0.2.7", "192.0.2.7"],
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:db8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::1", "2001:db8:0:0"],
    ["::1", "0:0:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["", ""],
  ])("%s counts as %s", (address, network) => {
    expect(networkOf(address)).toBe(network);
  });
});
