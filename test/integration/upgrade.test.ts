import { connect } from "@carillon/client";
import { lmdb } from "@carillon/lmdb";
import { defineContract, log } from "@carillon/protocol";
import { createCarillon, SILENT_LOGGER } from "@carillon/server";
import { rmSync } from "node:fs";
import * as v from "valibot";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { serve } from "../support/serve.ts";
import { newDataFolder } from "../support/server-process.ts";

const user = v.object({ id: v.string() });
const history = { size: 1_000 };

/** As it was: a message was a text. */
const before = defineContract({ channels: { "chat:{room}": log({ data: v.string(), history }) } });
/** As it is now: a message has a text and a language. */
const after = defineContract({
  version: 2,
  channels: {
    "chat:{room}": log({
      data: v.object({ text: v.pipe(v.string(), v.minLength(1)), lang: v.string() }),
      history,
      version: 2,
      upgrade: (data) => ({ text: data, lang: "en" }),
    }),
  },
});

/** A folder that was written under one contract is opened under the next. */
describe("stored data outlives its schema", () => {
  const path = newDataFolder();
  const authorize = { "chat:{room}": () => ({ subscribe: true, publish: true, history: true }) };
  const open = () =>
    createCarillon({ contract: after, user, authorize, backplane: lmdb({ path }), logger: SILENT_LOGGER });
  let carillon: ReturnType<typeof open>;

  beforeEach(async () => {
    const old = createCarillon({ contract: before, user, authorize, backplane: lmdb({ path }), logger: SILENT_LOGGER });
    await old.publish("chat:lobby", "one", { id: "m1" });
    await old.publish("chat:lobby", "", { id: "m2" });
    await old.publish("chat:lobby", "three", { id: "m3" });
    await old.close();
    carillon = open();
  });

  afterEach(async () => {
    await carillon.close();
    rmSync(path, { recursive: true, force: true });
  });

  test("for clients that catch up, for history and for the application; what can't be brought along reads as erased", async () => {
    await using serving = await serve(carillon);
    const ticket = (): Promise<string> => carillon.tickets.issue({ user: { id: "ada" } });
    const client = connect<typeof after>({ url: serving.url("/realtime"), WebSocket, ticket });
    const lobby = client.channel("chat:lobby");
    const seen: unknown[] = [];
    lobby.on("publication", ({ id, data, version }) => seen.push([id, data, version]));
    lobby.on("tombstone", ({ id, version }) => seen.push([id, "erased", version]));
    lobby.on("gap", (gap) => seen.push(gap));
    await lobby.subscribe({ history: 10 });
    await lobby.publish({ text: "vier", lang: "de" }, { id: "m4" });
    await expect.poll(() => seen).toHaveLength(4);
    const expected = [
      ["m1", { text: "one", lang: "en" }, 2],
      ["m2", "erased", 1],
      ["m3", { text: "three", lang: "en" }, 2],
      ["m4", { text: "vier", lang: "de" }, 2],
    ];
    await expect.poll(() => seen).toEqual(expected);
    const { items } = await lobby.history();
    expect(items.map((item) => [item.id, item.erased ? "erased" : item.data, item.version])).toEqual(expected);
    const { publications } = await carillon.history("chat:lobby");
    expect(publications.map(({ data }) => data?.text ?? null)).toEqual(["one", null, "three", "vier"]);
    client.disconnect();
  });

  test("also where it was changed since: what was written under the present version is not upgraded again", async () => {
    await carillon.amend("chat:lobby", "m1", { text: "eins", lang: "de" });
    await carillon.close();
    carillon = open();
    const { publications } = await carillon.history("chat:lobby");
    expect(publications.map(({ data }) => data)).toEqual([
      { text: "eins", lang: "de" },
      null,
      { text: "three", lang: "en" },
    ]);
  });

  test("and is kept as it was written: the earlier contract reads it again", async () => {
    await carillon.history("chat:lobby");
    await carillon.close();
    const old = createCarillon({ contract: before, user, authorize, backplane: lmdb({ path }), logger: SILENT_LOGGER });
    const { publications } = await old.history("chat:lobby");
    await old.close();
    expect(publications.map(({ data }) => data)).toEqual(["one", "", "three"]);
  });
});
