import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { Store } from "../support/nats-store.ts";

const missing = missingNats();

/** True if some file of the folder holds the text. */
async function isOnDisk(folder: string, text: string): Promise<boolean> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((one) => one.isFile())) {
    if ((await readFile(join(entry.parentPath, entry.name))).includes(text)) return true;
  }
  return false;
}

describe("erasure on the disk of NATS", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test("an acknowledged erasure has left the files, and its neighbours in the same message have not", async () => {
    await using server = await NatsServer.start();
    await using store = await Store.open(server);
    await using other = await Store.open(server);
    await other.subscribe();
    // One batch, one message: what is erased has neighbours.
    await Promise.all(["a", "secret", "b"].map((id) => store.published(id, { data: `"payload of ${id}"` })));
    await store.published("edit", { data: '"secret edit"', amend: { target: "secret", onlyBy: null } });
    expect(await isOnDisk(server.folder, "payload of secret")).toBe(true);
    expect(await isOnDisk(server.folder, "secret edit")).toBe(true);
    await store.published("erase", { data: null, amend: { target: "secret", onlyBy: null } });
    expect(await isOnDisk(server.folder, "payload of secret")).toBe(false);
    expect(await isOnDisk(server.folder, "secret edit")).toBe(false);
    expect(await isOnDisk(server.folder, "payload of a")).toBe(true);
    for (const reader of [store, other]) {
      expect(await reader.everything()).toEqual(["a", "secret", "b", "edit", "erase"]);
      const page = await reader.read("the beginning");
      const texts =
        typeof page === "string" ? page : page.records.map((record) => ("data" in record ? record.data : ""));
      expect(texts).toEqual(['"payload of a"', null, '"payload of b"', null, null]);
    }
    await using fresh = await Store.open(server);
    expect(await fresh.everything()).toEqual(["a", "secret", "b", "edit", "erase"]);
    const repeated = await fresh.publish("a", { data: `"payload of a"` });
    expect(repeated.ok && repeated.duplicate).toBe(true);
  });
});
