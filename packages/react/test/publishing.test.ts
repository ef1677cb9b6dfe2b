// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { ListItem, PublicationItem } from "@carillon/react";
import { Network, Stage, texts, useChannel, until } from "./stage.ts";

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

describe("publishing", () => {
  test("is shown at once and keeps its key when the stored publication takes its place", async () => {
    const seen = await stage.see(stage.client("ada"), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    const sent = seen.current.publish({ text: "hello" });
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello"]));
    const { id, at } = await sent;
    await until(() => expect(publications(seen.current.publications)[0]?.at).toBe(at));
    await say("answer");
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello", "answer"]));
    const keys = seen.all.flatMap(({ publications: rows }) =>
      publications(rows)
        .slice(0, 1)
        .map(({ key }) => key),
    );
    expect(new Set(keys)).toEqual(new Set([id]));
  });

  test("offline waits as sending, and lands once, in order, on return", async () => {
    const network = new Network();
    const seen = await stage.see(stage.client("ada", network), lobby());
    const bob = await stage.see(stage.client("bob"), lobby());
    await until(() => expect([seen.current.isLive, bob.current.isLive]).toEqual([true, true]));
    network.cut();
    await until(() => expect(seen.current.isLive).toBe(false));
    void seen.current.publish({ text: "one" });
    void seen.current.publish({ text: "two" });
    await until(() => expect(texts(seen.current.publications)).toEqual(["one?", "two?"]));
    await say("meanwhile");
    network.mend();
    await until(() => expect(texts(seen.current.publications)).toEqual(["meanwhile", "one", "two"]));
    await until(() => expect(texts(bob.current.publications)).toEqual(["meanwhile", "one", "two"]));
  });

  test("that is denied stays as failed; retry sends it again, once it is allowed", async () => {
    stage.mute.add("ada");
    const client = stage.client("ada");
    const seen = await stage.see(client, lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    await expect(seen.current.publish({ text: "hello" })).rejects.toMatchObject({ code: "forbidden" });
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello!"]));
    const [failed] = publications(seen.current.publications);
    expect(failed?.error).toMatchObject({ code: "forbidden" });
    stage.mute.clear();
    // Grants are cached with the session; a new one asks again.
    client.disconnect();
    client.connect();
    await until(() => expect(seen.current.isLive).toBe(true));
    failed?.retry();
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello"]));
    expect(publications(seen.current.publications)[0]?.key).toBe(failed?.key);
  });

  test("that failed can be discarded, and so can one that was not sent yet", async () => {
    const network = new Network();
    stage.mute.add("ada");
    const seen = await stage.see(stage.client("ada", network), lobby());
    await until(() => expect(seen.current.isLive).toBe(true));
    void seen.current.publish({ text: "denied" });
    await until(() => expect(texts(seen.current.publications)).toEqual(["denied!"]));
    network.cut();
    await until(() => expect(seen.current.isLive).toBe(false));
    void seen.current.publish({ text: "thought better of" });
    await until(() => expect(texts(seen.current.publications)).toEqual(["denied!", "thought better of?"]));
    for (const { discard } of publications(seen.current.publications)) discard();
    await until(() => expect(seen.current.publications).toEqual([]));
  });

  test("survives that the component is gone for a while", async () => {
    const network = new Network();
    const client = stage.client("ada", network);
    const first = await stage.see(client, lobby());
    await until(() => expect(first.current.isLive).toBe(true));
    network.cut();
    await until(() => expect(first.current.isLive).toBe(false));
    void first.current.publish({ text: "written in a tunnel" });
    first.unmount();
    await until(() => expect(client.channel("chat:lobby").state).toBe("unsubscribed"));
    const second = await stage.see(client, lobby(10));
    await until(() => expect(texts(second.current.publications)).toEqual(["written in a tunnel?"]));
    network.mend();
    await until(() => expect(texts(second.current.publications)).toEqual(["written in a tunnel"]));
  });
});

describe("a publication that is stored and does not come back", () => {
  test("because the subscription is newer stands before what comes later", async () => {
    const client = stage.client("ada");
    const channel = client.channel("chat:lobby");
    const first = await stage.see(client, lobby());
    await until(() => expect(first.current.isLive).toBe(true));
    first.unmount();
    await until(() => expect(channel.state).toBe("unsubscribed"));
    // Its confirmation takes longer than the next subscription.
    const { publish } = channel;
    const gate = new EventTarget();
    vi.spyOn(channel, "publish").mockImplementationOnce(async (data, options) => {
      const opened = new Promise((resolve) => gate.addEventListener("open", resolve));
      const published = await publish.call(channel, data, options);
      await opened;
      return published;
    });
    void first.current.publish({ text: "hello" });
    const bob = await stage.see(stage.client("bob"), lobby(1));
    await until(() => expect(texts(bob.current.publications)).toEqual(["hello"]));
    const second = await stage.see(client, lobby());
    await until(() => expect([second.current.isLive, ...texts(second.current.publications)]).toEqual([true, "hello?"]));
    gate.dispatchEvent(new Event("open"));
    await until(() => expect(texts(second.current.publications)).toEqual(["hello"]));
    await say("later");
    await until(() => expect(texts(second.current.publications)).toEqual(["hello", "later"]));
  });

  test("because the room was closed to readers stands before what comes later", async () => {
    stage.closed.add("lobby");
    const client = stage.client("ada");
    const seen = await stage.see(client, lobby());
    await until(() => expect(seen.current.state).toBe("unsubscribed"));
    await seen.current.publish({ text: "hello" });
    stage.closed.clear();
    client.disconnect();
    client.connect();
    seen.current.resubscribe();
    await until(() => expect(seen.current.isLive).toBe(true));
    await say("later");
    await until(() => expect(texts(seen.current.publications)).toEqual(["hello", "later"]));
  });
});
