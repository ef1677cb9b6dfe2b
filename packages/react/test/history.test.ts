// @vitest-environment happy-dom
import type { Client } from "@carillon/client";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Network, Stage, texts, useChannel, useHistory, type contract, until } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const numbers = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => `${from + index}`);
const firstOf = (rows: Parameters<typeof texts>[0]) => Number(texts(rows)[0]);
async function say(from: number, to = from): Promise<void> {
  for (const text of numbers(from, to)) await stage.carillon.publish("chat:lobby", { text });
}
/**
 * The next page is read now and comes when the result is called: the network of a test is too quick for what a slow one
 * does.
 */
function holdBack(client: Client<typeof contract>): () => void {
  const channel = client.channel("chat:lobby");
  const { history } = channel;
  const gate = new EventTarget();
  vi.spyOn(channel, "history").mockImplementationOnce(async (options) => {
    const opened = new Promise((resolve) => gate.addEventListener("open", resolve));
    const page = await history.call(channel, options);
    await opened;
    return page;
  });
  return () => void gate.dispatchEvent(new Event("open"));
}
/** A chat: a list that starts `history` back, and pages of `pageSize` before it. */
const chat = (client: Client<typeof contract>, history: number, pageSize: number, limit?: number, isStrict = false) =>
  stage.see(
    client,
    () => ({
      live: useChannel("chat:lobby", { history, limit }),
      older: useHistory("chat:{room}", { room: "lobby" }, { pageSize }),
    }),
    isStrict,
  );

describe("useHistory", () => {
  test("pages backwards from where the list starts, to the beginning, without a seam", async () => {
    await say(1, 30);
    const seen = await chat(stage.client("ada"), 10, 15, undefined, true);
    await until(() => expect(texts(seen.current.live.publications)).toEqual(numbers(21, 30)));
    expect(seen.current.older).toMatchObject({ publications: [], hasMore: true, isLoading: false, offset: 0 });
    const loading = seen.current.older.loadOlder();
    await say(31);
    await loading;
    await until(() => expect(texts(seen.current.older.publications)).toEqual(numbers(6, 20)));
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(6, 31)));
    expect(seen.current.older).toMatchObject({ hasMore: true, isLoading: false, offset: 15 });
    await seen.current.older.loadOlder();
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(1, 31)));
    expect(seen.current.older).toMatchObject({ hasMore: false, offset: 20 });
    expect(texts(seen.current.live.publications)).toEqual(numbers(21, 31));
    await seen.current.older.loadOlder();
    expect(texts(seen.current.older.timeline)).toEqual(numbers(1, 31));
  });

  test("asked twice at a time loads one page", async () => {
    await say(1, 30);
    const seen = await chat(stage.client("ada"), 10, 5);
    await Promise.all([seen.current.older.loadOlder(), seen.current.older.loadOlder()]);
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(16, 30)));
  });

  test("knows that there is nothing where nothing was ever published", async () => {
    const seen = await chat(stage.client("ada"), 10, 5);
    await until(() => expect(seen.current.older.hasMore).toBe(false));
  });

  test("works without a list beside it", async () => {
    await say(1, 8);
    const seen = await stage.see(stage.client("ada"), () => useHistory("chat:lobby", { pageSize: 5 }));
    await seen.current.loadOlder();
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(4, 8)));
    await say(9);
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(4, 9)));
  });

  test("shows edits and erasures that come live in loaded pages, and leaves other rows the same objects", async () => {
    const ada = stage.client("ada");
    const channel = ada.channel("chat:lobby");
    const { id } = await channel.publish({ text: "helo" });
    const secret = await channel.publish({ text: "secret" });
    await say(1, 10);
    const seen = await chat(stage.client("bob"), 5, 50);
    await seen.current.older.loadOlder();
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(["helo", "secret", ...numbers(1, 10)]));
    const before = seen.current.older.timeline;
    await channel.amend(id, { text: "hello" });
    await channel.erase(secret.id);
    await until(() => expect(texts(seen.current.older.publications)).toEqual(["hello", "-", ...numbers(1, 5)]));
    expect(seen.current.older.timeline.slice(2)).toSatisfy((rows: typeof before) =>
      rows.every((row, index) => row === before[index + 2]),
    );
  });

  test("shows an edit that comes while the page with its publication is on its way", async () => {
    const ada = stage.client("ada");
    const bob = stage.client("bob");
    const channel = ada.channel("chat:lobby");
    const { id } = await channel.publish({ text: "old" });
    await say(1, 5);
    const seen = await chat(bob, 5, 50);
    await until(() => expect(seen.current.live.isLive).toBe(true));
    const arrive = holdBack(bob);
    const loading = seen.current.older.loadOlder();
    const heard = new Promise((resolve) => void bob.channel("chat:lobby").on("amend", resolve));
    await channel.amend(id, { text: "new" });
    await heard;
    arrive();
    await loading;
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(["new", ...numbers(1, 5)]));
  });

  test("takes over rows that the list lets go, so that none is missing between the two", async () => {
    await say(1, 20);
    const seen = await chat(stage.client("ada"), 5, 5, 8);
    await seen.current.older.loadOlder();
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(11, 20)));
    await say(21, 40);
    await until(() => expect(texts(seen.current.live.publications)).toEqual(numbers(33, 40)));
    expect(texts(seen.current.older.timeline)).toEqual(numbers(11, 40));
    await seen.current.older.loadOlder();
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(6, 40)));
  });

  test("pages from the right place when the list has let rows go", async () => {
    const client = stage.client("ada");
    const list = await stage.see(client, () => useChannel("chat:lobby", { limit: 10 }));
    await until(() => expect(list.current.isLive).toBe(true));
    await say(1, 100);
    await until(() => expect(texts(list.current.publications)).toEqual(numbers(91, 100)));
    const seen = await stage.see(client, () => useHistory("chat:lobby", { pageSize: 30 }));
    await seen.current.loadOlder();
    await until(() => expect(texts(seen.current.timeline).slice(-15)).toEqual(numbers(86, 100)));
    await seen.current.loadOlder();
    await seen.current.loadOlder();
    await seen.current.loadOlder();
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(1, 100)));
    expect(seen.current.hasMore).toBe(false);
  });

  test("holds no more rows than its limit, and loads no page that would not stay", async () => {
    await say(1, 30);
    const client = stage.client("ada");
    const seen = await stage.see(client, () => useHistory("chat:lobby", { pageSize: 20, limit: 25 }));
    await seen.current.loadOlder();
    await seen.current.loadOlder();
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(6, 30)));
    expect(seen.current.hasMore).toBe(false);
    await say(31, 40);
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(16, 40)));
    const wider = await stage.see(client, () => useHistory("chat:lobby", { pageSize: 10, limit: 100 }));
    await until(() => expect(wider.current.hasMore).toBe(true));
    await wider.current.loadOlder();
    await until(() => expect(firstOf(seen.current.timeline)).toBeLessThan(16));
    expect(texts(seen.current.timeline)).toEqual(numbers(firstOf(seen.current.timeline), 40));
  });

  test("reads a page again if rows that it should join went meanwhile", async () => {
    await say(1, 20);
    const client = stage.client("ada");
    const seen = await stage.see(client, () => useHistory("chat:lobby", { pageSize: 5, limit: 12 }));
    await seen.current.loadOlder();
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(16, 20)));
    const arrive = holdBack(client);
    const loading = seen.current.loadOlder();
    await say(21, 40);
    await until(() => expect(texts(seen.current.timeline)).toEqual(numbers(29, 40)));
    const wider = await stage.see(client, () => useHistory("chat:lobby", { limit: 100 }));
    await until(() => expect(wider.current.hasMore).toBe(true));
    arrive();
    await loading;
    await until(() => expect(firstOf(seen.current.timeline)).toBeLessThan(29));
    expect(texts(seen.current.timeline)).toEqual(numbers(firstOf(seen.current.timeline), 40));
  });

  test("tells why a page can't be loaded, and loads it the next time", async () => {
    const client = stage.client("ada", new Network());
    await say(1, 10);
    const seen = await chat(client, 5, 50);
    await until(() => expect(seen.current.live.isLive).toBe(true));
    client.disconnect();
    await seen.current.older.loadOlder();
    await until(() => expect(seen.current.older).toMatchObject({ error: { code: "disconnected" }, isLoading: false }));
    client.connect();
    await seen.current.older.loadOlder();
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(1, 10)));
    expect(seen.current.older.error).toBeNull();
  });

  test("goes on after a cut where it was", async () => {
    await say(1, 20);
    const network = new Network();
    const seen = await chat(stage.client("ada", network), 5, 5);
    await seen.current.older.loadOlder();
    network.cut();
    await until(() => expect(seen.current.live.isLive).toBe(false));
    await say(21, 25);
    const loading = seen.current.older.loadOlder();
    await until(() => expect(seen.current.older.isLoading).toBe(true));
    network.mend();
    await loading;
    await until(() => expect(texts(seen.current.older.timeline)).toEqual(numbers(6, 25)));
  });
});
