// @vitest-environment happy-dom
import { createElement as h, memo } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ListItem, PublicationItem } from "@carillon/react";
import { LINGER_MS, Network, Stage, texts, useChannel, until } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const say = (text: string, room = "lobby") => stage.carillon.publish(`chat:${room}`, { text });
const lobby = (history?: number, limit?: number) => () => useChannel("chat:lobby", { history, limit });
function publications(rows: readonly ListItem<{ text: string }>[]): PublicationItem<{ text: string }>[] {
  return rows.filter((row) => row.type === "publication");
}

describe("useChannel", () => {
  test("lists what was published before, as far as it is asked for, and what comes", async () => {
    for (const text of ["one", "two", "three"]) await say(text);
    const seen = await stage.see(stage.client("ada"), lobby(2));
    expect(seen.current).toMatchObject({ name: "chat:lobby", state: "subscribing", isLive: false, publications: [] });
    await until(() => expect(seen.current.isLive).toBe(true));
    await say("four");
    await until(() => expect(texts(seen.current.publications)).toEqual(["two", "three", "four"]));
    expect(seen.current).toMatchObject({ state: "subscribed", error: null });
  });

  test("takes a pattern with parameters as well as a name", async () => {
    await say("hello", "tower");
    const seen = await stage.see(stage.client("ada"), () =>
      useChannel("chat:{room}", { room: "tower" }, { history: 10 }),
    );
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello"]));
  });

  test("subscribes once under StrictMode, and shows each publication once", async () => {
    const states: string[] = [];
    const client = stage.client("ada");
    client.channel("chat:lobby").on("state", ({ state }) => states.push(state));
    await say("before");
    const seen = await stage.see(client, lobby(10), true);
    await until(() => expect(seen.current.isLive).toBe(true));
    await say("after");
    await until(() => expect(texts(seen.current.publications)).toEqual(["before", "after"]));
    expect(states).toEqual(["subscribing", "subscribed"]);
  });

  test("stays subscribed for a moment when the last component unmounts, and unsubscribes then", async () => {
    const client = stage.client("ada");
    const states: string[] = [];
    client.channel("chat:lobby").on("state", ({ state }) => states.push(state));
    const first = await stage.see(client, lobby());
    await until(() => expect(first.current.isLive).toBe(true));
    first.unmount();
    const second = await stage.see(client, lobby());
    expect(second.current.isLive).toBe(true);
    await say("still here");
    await until(() => expect(texts(second.current.publications)).toEqual(["still here"]));
    second.unmount();
    await until(() => expect(states).toEqual(["subscribing", "subscribed", "unsubscribed"]));
  });

  test("starts anew when it is mounted again later", async () => {
    const client = stage.client("ada");
    const first = await stage.see(client, lobby(1));
    await until(() => expect(first.current.isLive).toBe(true));
    await say("one");
    first.unmount();
    await until(() => expect(client.channel("chat:lobby").state).toBe("unsubscribed"));
    await say("two");
    const second = await stage.see(client, lobby(1));
    await until(() => expect(texts(second.current.publications)).toEqual(["two"]));
  });

  test("goes on without a hole when somebody else unsubscribes the channel", async () => {
    const client = stage.client("ada");
    const seen = await stage.see(client, lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    await say("one");
    await until(() => expect(texts(seen.current.publications)).toEqual(["one"]));
    client.channel("chat:lobby").unsubscribe();
    await say("two");
    await until(() => expect(texts(seen.current.publications)).toEqual(["one", "two"]));
    expect(seen.current).toMatchObject({ isLive: true, error: null });
  });

  test("joins a channel that is subscribed already, with the history that it wants", async () => {
    await say("one");
    const client = stage.client("ada");
    await client.channel("chat:lobby").subscribe();
    const seen = await stage.see(client, lobby(10));
    await until(() => expect(texts(seen.current.publications)).toEqual(["one"]));
    await say("two");
    await until(() => expect(texts(seen.current.publications)).toEqual(["one", "two"]));
  });

  test("keeps the newest rows only", async () => {
    const seen = await stage.see(stage.client("ada"), lobby(0, 3));
    await until(() => expect(seen.current.isLive).toBe(true));
    for (let n = 1; n <= 8; n++) await say(`${n}`);
    await until(() => expect(texts(seen.current.publications)).toEqual(["6", "7", "8"]));
  });

  test("gives a component more history than the first one asked for", async () => {
    for (const text of ["one", "two", "three"]) await say(text);
    const client = stage.client("ada");
    const badge = await stage.see(client, lobby(0));
    await until(() => expect(badge.current.isLive).toBe(true));
    await say("four");
    const room = await stage.see(client, lobby(2));
    await until(() => expect(texts(room.current.publications)).toEqual(["two", "three", "four"]));
    // Both look at one list.
    expect(badge.current.publications).toBe(room.current.publications);
  });

  test("shows edits and erasures in their places", async () => {
    const ada = stage.client("ada");
    const seen = await stage.see(stage.client("bob"), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    const channel = ada.channel("chat:lobby");
    const { id } = await channel.publish({ text: "helo" });
    const other = await channel.publish({ text: "secret" });
    await channel.amend(id, { text: "hello" });
    await channel.erase(other.id);
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello", "-"]));
    expect(seen.current.publications[0]).toMatchObject({ id, isOwn: false, amendedAt: expect.any(Number) });
  });

  test("marks a gap where publications are missing", async () => {
    const network = new Network();
    const seen = await stage.see(stage.client("ada", network), () => useChannel("small:lobby", {}));
    await until(() => expect(seen.current.isLive).toBe(true));
    const publish = (text: string) => stage.carillon.publish("small:lobby", { text });
    await publish("heard");
    await until(() => expect(texts(seen.current.publications)).toEqual(["heard"]));
    network.cut();
    await until(() => expect(seen.current.isLive).toBe(false));
    for (let n = 1; n <= 7; n++) await publish(`${n}`);
    network.mend();
    await until(() =>
      expect(texts(seen.current.publications)).toEqual(["heard", "[trimmed]", "3", "4", "5", "6", "7"]),
    );
  });

  test("says why the server refuses, and asks again when told to", async () => {
    stage.closed.add("lobby");
    const seen = await stage.see(stage.client("ada"), lobby());
    await until(() => expect(seen.current).toMatchObject({ state: "unsubscribed", error: { code: "forbidden" } }));
    const { error } = seen.current;
    seen.current.resubscribe();
    await until(() => expect(seen.current.error).not.toBe(error));
    await until(() => expect(seen.current).toMatchObject({ state: "unsubscribed", error: { code: "forbidden" } }));
  });

  test("tells own publications from those of others, also from an earlier page", async () => {
    await stage.client("ada").channel("chat:lobby").publish({ text: "mine, from another tab" });
    await stage.client("bob").channel("chat:lobby").publish({ text: "not mine" });
    await say("the server's");
    const seen = await stage.see(stage.client("ada"), lobby(10));
    await until(() =>
      expect(publications(seen.current.publications).map(({ isOwn }) => isOwn)).toEqual([true, false, false]),
    );
  });
});

describe("rendering", () => {
  test("a memoised row renders once for each change of its own", async () => {
    const renders = new Map<string, number>();
    const Row = memo(({ row }: { row: ListItem<{ text: string }> }) => {
      renders.set(row.key, (renders.get(row.key) ?? 0) + 1);
      return h("p", null, texts([row])[0]);
    });
    const List = () => useChannel("chat:lobby").publications.map((row) => h(Row, { key: row.key, row }));
    const client = stage.client("ada");
    const { container } = stage.mount(client, h(List));
    await until(() => expect(client.channel("chat:lobby").isLive).toBe(true));
    for (let n = 0; n < 100; n++) await say(`${n}`);
    const { id } = await client.channel("chat:lobby").publish({ text: "last" });
    await until(() => expect(container.querySelectorAll("p")).toHaveLength(101));
    await client.channel("chat:lobby").amend(id, { text: "really last" });
    await until(() => expect(container.textContent).toContain("really last"));
    expect(renders.get(id)).toBe(2);
    renders.delete(id);
    expect(new Set(renders.values())).toEqual(new Set([1]));
  });

  test("goes on where no frames come, as in a tab in the background", async () => {
    vi.stubGlobal("requestAnimationFrame", () => 0);
    const seen = await stage.see(stage.client("ada"), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    await say("hello");
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello"]));
  });

  test("publications that come one by one are a render a frame, not one each", async () => {
    const frames = vi.spyOn(globalThis, "requestAnimationFrame");
    const seen = await stage.see(stage.client("ada"), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    const [before, framesBefore] = [seen.all.length, frames.mock.calls.length];
    for (let n = 0; n < 200; n++) await say(`${n}`);
    await until(() => expect(seen.current.publications).toHaveLength(200));
    expect(frames.mock.calls.length).toBeGreaterThan(framesBefore);
    expect(seen.all.length - before).toBeLessThanOrEqual(frames.mock.calls.length - framesBefore);
  });

  test("many publications in one frame are one render, and nothing is none", async () => {
    const seen = await stage.see(stage.client("ada"), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    const before = seen.all.length;
    await Promise.all(Array.from({ length: 500 }, (_, n) => say(`${n}`)));
    await until(() => expect(seen.current.publications).toHaveLength(500));
    expect(seen.all.length - before).toBeLessThan(30);
    const settled = seen.all.length;
    await new Promise((resolve) => void setTimeout(resolve, LINGER_MS));
    expect(seen.all).toHaveLength(settled);
  });
});
