// @vitest-environment happy-dom
import { createElement as h, useState } from "react";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Network, Stage, useCall, useClient, useConnection, usePresence, useStateChannel, until } from "./stage.ts";

let stage: Stage;
beforeEach(async () => {
  stage = await Stage.open();
});
afterEach(() => stage.close());

const here = (name?: string) => () => usePresence("chat:lobby", { info: name === undefined ? undefined : { name } });

describe("usePresence", () => {
  test("is a member while it is mounted, and nobody sees it come twice under StrictMode", async () => {
    const bob = stage.client("bob");
    const seen: string[] = [];
    bob.channel("chat:lobby").presence.on("join", ({ user }) => seen.push(`${user} joins`));
    bob.channel("chat:lobby").presence.on("leave", ({ user }) => seen.push(`${user} leaves`));
    await until(() => expect(bob.channel("chat:lobby").presence.isLive).toBe(true));
    const client = stage.client("ada");
    await until(() => expect(client.state).toBe("connected"));
    const ada = await stage.see(client, here("Ada"), true);
    await until(() => expect(ada.current.members).toMatchObject([{ user: "ada", info: { name: "Ada" } }]));
    expect(ada.current.users).toMatchObject([{ user: "ada", isSelf: true, info: { name: "Ada" } }]);
    ada.unmount();
    await until(() => expect(seen).toEqual(["ada joins", "ada leaves"]));
  });

  test("stays a member when one page gives way to another", async () => {
    const bob = stage.client("bob");
    const left = vi.fn<() => void>();
    bob.channel("chat:lobby").presence.on("leave", left);
    const client = stage.client("ada");
    const first = await stage.see(client, here("Ada"));
    await until(() => expect(bob.channel("chat:lobby").presence.members).toHaveLength(1));
    first.unmount();
    // Long enough for a leave to be seen, were there one: the answer comes behind it.
    await client.channel("chat:lobby").history();
    const second = await stage.see(client, here("Ada"));
    await until(() => expect(second.current.members).toHaveLength(1));
    second.unmount();
    await until(() => expect(left).toHaveBeenCalledTimes(1));
    expect(bob.channel("chat:lobby").presence.members).toHaveLength(0);
  });

  test("tells others when its info changes, and only then", async () => {
    const updated = vi.fn<() => void>();
    const bob = stage.client("bob");
    bob.channel("chat:lobby").presence.on("update", updated);
    let rename: (name: string) => void = () => {};
    let renders = 0;
    const Ada = () => {
      const [name, setName] = useState("Ada");
      rename = setName;
      renders++;
      usePresence("chat:lobby", { info: { name } });
      return null;
    };
    stage.mount(stage.client("ada"), h(Ada));
    await until(() => expect(bob.channel("chat:lobby").presence.members).toMatchObject([{ info: { name: "Ada" } }]));
    rename("Ada L.");
    await until(() => expect(bob.channel("chat:lobby").presence.members).toMatchObject([{ info: { name: "Ada L." } }]));
    expect(updated).toHaveBeenCalledTimes(1);
    expect(renders).toBeGreaterThan(2);
  });

  test("counts several tabs of one person as one user", async () => {
    const tabs = [stage.client("ada"), stage.client("ada")];
    for (const tab of tabs) await stage.see(tab, here("Ada"));
    const bob = await stage.see(stage.client("bob"), here());
    await until(() => expect(bob.current.members).toHaveLength(2));
    expect(bob.current.users).toMatchObject([{ user: "ada", isSelf: false, members: [{}, {}] }]);
    const [before] = bob.current.users;
    await stage.see(stage.client("eve"), here("Eve"));
    await until(() => expect(bob.current.users).toHaveLength(2));
    expect(bob.current.users[0]).toBe(before);
  });

  test("is a member again after the client left and came back", async () => {
    const client = stage.client("ada");
    const ada = await stage.see(client, here("Ada"));
    const bob = await stage.see(stage.client("bob"), here());
    await until(() => expect(bob.current.users).toHaveLength(1));
    client.disconnect();
    await until(() => expect(bob.current.users).toHaveLength(0));
    client.connect();
    await until(() => expect(bob.current.users).toHaveLength(1));
    await until(() => expect(ada.current.users).toHaveLength(1));
  });

  test("says why it may not enter", async () => {
    stage.closed.add("lobby");
    const ada = await stage.see(stage.client("ada"), here("Ada"));
    await until(() => expect(ada.current.error).toMatchObject({ code: "forbidden" }));
  });
});

describe("useStateChannel", () => {
  test("shows entries as they come, change and go, and sets its own", async () => {
    const client = stage.client("ada");
    const ada = await stage.see(client, () => useStateChannel("typing"), true);
    const bob = await stage.see(stage.client("bob"), () => useStateChannel("typing"));
    await until(() => expect([ada.current.isLive, bob.current.isLive]).toEqual([true, true]));
    await ada.current.set({ name: "Ada" });
    await bob.current.set({ name: "Bob" });
    await until(() => expect([...bob.current.entries.values()].map(({ value }) => value.name)).toEqual(["Ada", "Bob"]));
    expect(bob.current.own).toEqual({ name: "Bob" });
    const before = bob.current.entries;
    await bob.current.remove();
    await until(() => expect([...bob.current.entries.keys()]).toEqual([client.instance]));
    expect(before.size).toBe(2);
    expect(bob.current.entries.get(client.instance ?? "")).toBe(before.get(client.instance ?? ""));
    expect(bob.current.own).toBeUndefined();
  });

  test("rejects what the contract does not allow", async () => {
    const ada = await stage.see(stage.client("ada"), () => useStateChannel("typing"));
    // @ts-expect-error -- a number is no name.
    await expect(ada.current.set({ name: 7 })).rejects.toMatchObject({ code: "invalid_data" });
  });
});

describe("useConnection", () => {
  test("follows the connection through connecting, a cut and a leave", async () => {
    const network = new Network();
    const client = stage.client("ada", network);
    const seen = await stage.see(client, () => useConnection());
    expect(seen.current).toMatchObject({ state: "connecting", wasConnected: false, user: null, instance: null });
    await until(() => expect(seen.current).toMatchObject({ state: "connected", isConnected: true, user: "ada" }));
    network.cut();
    await until(() => expect(seen.current).toMatchObject({ state: "connecting", wasConnected: true, code: 1006 }));
    network.mend();
    await until(() => expect(seen.current).toMatchObject({ state: "connected", code: null, error: null }));
    seen.current.disconnect();
    await until(() => expect(seen.current.state).toBe("disconnected"));
    seen.current.connect();
    await until(() => expect(seen.current.state).toBe("connected"));
  });

  test("says why the server does not want the user", async () => {
    const client = stage.client("ada");
    const seen = await stage.see(client, () => useConnection());
    await until(() => expect(seen.current.isConnected).toBe(true));
    client.on("error", () => {});
    await stage.carillon.tickets.revoke("ada");
    await until(() => expect(seen.current).toMatchObject({ state: "disconnected", code: 4500 }));
    expect(seen.current.error).not.toBeNull();
  });
});

describe("useCall", () => {
  test("tells pending, data and error, and needs no await", async () => {
    const seen = await stage.see(stage.client("ada"), () => useCall("room.create"));
    expect(seen.current).toMatchObject({ isPending: false, data: undefined, error: null });
    void seen.current.call({ title: "Tower" });
    await until(() => expect(seen.current).toMatchObject({ isPending: false, data: { room: "tower" }, error: null }));
    expect(seen.all.some(({ isPending }) => isPending)).toBe(true);
    void seen.current.call({ title: "" });
    await until(() => expect(seen.current).toMatchObject({ isPending: false, error: { code: "internal" } }));
    seen.current.reset();
    await until(() => expect(seen.current).toMatchObject({ data: undefined, error: null }));
    await expect(seen.current.call({ title: "Bridge" })).resolves.toEqual({ room: "bridge" });
  });

  test("shows the newest of two calls, whichever is answered last", async () => {
    const seen = await stage.see(stage.client("ada"), () => useCall("room.create"));
    const slow = seen.current.call({ title: "Slow" });
    await seen.current.call({ title: "Quick" });
    await until(() => expect(seen.current).toMatchObject({ isPending: false, data: { room: "quick" } }));
    stage.gate.dispatchEvent(new Event("open"));
    await expect(slow).resolves.toEqual({ room: "slow" });
    await seen.current.call({ title: "Last" });
    await until(() => expect(seen.current.data).toEqual({ room: "last" }));
    expect(seen.all.some(({ data }) => data?.room === "slow")).toBe(false);
  });
});

test("useClient gives the client of the provider", async () => {
  const client = stage.client("ada");
  expect((await stage.see(client, () => useClient())).current).toBe(client);
});
