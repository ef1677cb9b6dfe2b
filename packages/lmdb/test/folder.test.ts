import { open as openFile, readdir, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open as openLmdb } from "lmdb";
import { StoreError } from "@carillon/lmdb";
import { describe, expect, test } from "vitest";
import { contextOf, idsIn, LOG, publish } from "./context.ts";
import { closeStore, Folder, openStore } from "./stores.ts";

/** A folder with a store of some publications, closed. */
async function filled(count: number): Promise<Folder> {
  const folder = await Folder.create();
  const backplane = await openStore(folder.path, contextOf().context);
  for (let first = 0; first < count; first += 500)
    await publish(
      backplane,
      Array.from({ length: Math.min(500, count - first) }, (_, index) => ({ id: `p${first + index}` })),
    );
  await closeStore(backplane);
  return folder;
}

/** Why the folder can't be opened. */
async function refusal(path: string): Promise<StoreError> {
  const opened: unknown = await openStore(path, contextOf().context).catch((error: unknown) => error);
  if (opened instanceof StoreError) return opened;
  throw new Error("Expected a StoreError.");
}

describe("a folder", () => {
  test("that is not there is made, and says what it is", async () => {
    await using folder = await Folder.create();
    const path = join(folder.path, "some", "where");
    await closeStore(await openStore(path, contextOf().context));
    expect((await readdir(path)).sort()).toEqual(["carillon.json", "data.mdb", "lock.mdb"]);
  });

  test("that holds other things is left alone", async () => {
    await using folder = await Folder.create();
    await writeFile(join(folder.path, "thesis.tex"), "");
    const { code, message } = await refusal(folder.path);
    expect(code).toBe("not_a_store");
    expect(message).toMatch(/thesis\.tex; expected a store or an empty folder/);
    expect(await readdir(folder.path)).toEqual(["thesis.tex"]);
  });

  test("that can't be made is said to be that", async () => {
    await using folder = await Folder.create();
    const file = join(folder.path, "file");
    await writeFile(file, "");
    const { code, message } = await refusal(join(file, "data"));
    expect(code).toBe("inaccessible");
    expect(message).toMatch(/can't be used: .*ENOTDIR/);
  });

  test("of a later format is refused, and stays as it is", async () => {
    await using folder = await filled(3);
    await writeFile(join(folder.path, "carillon.json"), '{"store":"carillon","format":2}\n');
    const { size } = await stat(join(folder.path, "data.mdb"));
    const { code, message } = await refusal(folder.path);
    expect(code).toBe("newer_format");
    expect(message).toMatch(/has format 2, written by a later version of Carillon; this one knows format 1\./);
    expect((await stat(join(folder.path, "data.mdb"))).size).toBe(size);
  });

  test("can't be opened twice, and is free again when it is closed", async () => {
    await using folder = await filled(3);
    const backplane = await openStore(folder.path, contextOf().context);
    const { code, message } = await refusal(folder.path);
    expect(code).toBe("in_use");
    expect(message).toMatch(/in use by process \d+ \(this one\)\. A folder belongs to one server/);
    await publish(backplane, [{ id: "p3" }]);
    expect(await idsIn(backplane)).toEqual(["p0", "p1", "p2", "p3"]);
    await closeStore(backplane);
    const again = await openStore(folder.path, contextOf().context);
    expect(await idsIn(again)).toHaveLength(4);
    await closeStore(again);
  });

  test("that was taken over takes no more of what the first server has to write", async () => {
    await using folder = await filled(3);
    const { context, told } = contextOf();
    const backplane = await openStore(folder.path, context);
    // As another process would that could not see this one.
    const stranger = openLmdb({ path: folder.path, overlappingSync: false, maxDbs: 2 });
    const fence = stranger.openDB("fence", { useVersions: true, encoding: "binary", keyEncoding: "binary" });
    await fence.put(Buffer.from("owner"), Buffer.from("a stranger"), 1_000);
    const [result] = await publish(backplane, [{ id: "p3" }]);
    expect(result).toMatchObject({ ok: false, code: "unavailable", message: expect.stringMatching(/taken over/) });
    expect(told).toEqual({ availability: [false], errors: [expect.stringMatching(/taken over/)] });
    expect(await idsIn(backplane)).toEqual(["p0", "p1", "p2"]);
    expect((await publish(backplane, [{ id: "p4" }]))[0]).toMatchObject({ ok: false, code: "unavailable" });
    await closeStore(backplane);
    await stranger.close();
  });
});

describe("a damaged store is not opened, or says what it can't read", () => {
  test("when the data file is missing", async () => {
    await using folder = await filled(3);
    await rm(join(folder.path, "data.mdb"));
    const { code, message } = await refusal(folder.path);
    expect(code).toBe("damaged");
    expect(message).toMatch(/data\.mdb is missing.*restore the folder from a backup/);
  });

  test("when the data file is empty", async () => {
    await using folder = await filled(3);
    await truncate(join(folder.path, "data.mdb"), 0);
    expect(await refusal(folder.path)).toMatchObject({
      code: "damaged",
      message: expect.stringMatching(/does not begin as a data file/),
    });
  });

  test("when the mark does not say what it should", async () => {
    await using folder = await filled(3);
    await writeFile(join(folder.path, "carillon.json"), "{");
    expect(await refusal(folder.path)).toMatchObject({ code: "damaged" });
    await writeFile(join(folder.path, "carillon.json"), '{"store":"else"}');
    expect(await refusal(folder.path)).toMatchObject({ code: "damaged" });
  });

  test("when the data file was cut short, wherever", { timeout: 30_000 }, async () => {
    await using folder = await filled(3_000);
    const restore = await folder.copy();
    const data = join(folder.path, "data.mdb");
    const { size } = await stat(data);
    let opened = 0;
    for (const share of [0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9]) {
      await truncate(data, Math.floor(size * share));
      expect(await refusal(folder.path)).toMatchObject({ code: "damaged", message: expect.stringMatching(/backup/) });
      await restore();
    }
    // Free pages at the end may be missing; whatever is in use may not.
    for (const missing of [1, 2, 3, 5, 8, 13, 21, 40]) {
      await truncate(data, size - missing * 4_096);
      const result: unknown = await openStore(folder.path, contextOf().context).catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toMatchObject({ code: "damaged" });
      else {
        opened++;
        const backplane = result as Awaited<ReturnType<typeof openStore>>;
        expect(await idsIn(backplane)).toHaveLength(3_000);
        await closeStore(backplane);
      }
      await restore();
    }
    expect(opened).toBeLessThan(8);
  });

  test("when its first pages were written over", async () => {
    await using folder = await filled(30);
    const file = await openFile(join(folder.path, "data.mdb"), "r+");
    await file.write(Buffer.alloc(8_192, 0x58), 0, 8_192, 0);
    await file.close();
    expect(await refusal(folder.path)).toMatchObject({ code: "damaged" });
  });

  test(
    "when pages in the middle are torn: never is there less than there was without a word",
    { timeout: 30_000 },
    async () => {
      await using folder = await filled(2_000);
      const restore = await folder.copy();
      const data = join(folder.path, "data.mdb");
      const pages = Math.floor((await stat(data)).size / 4_096);
      const outcomes = new Map<string, number>();
      for (let page = 2; page < pages; page += 9) {
        const file = await openFile(data, "r+");
        await file.write(Buffer.alloc(4_096 - 512), 0, 4_096 - 512, page * 4_096 + 512);
        await file.close();
        const outcome = await attempt(folder.path);
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        await restore();
      }
      // A page that is free may well be torn. Anything else is found out.
      expect(outcomes.get("LOST SOMETHING")).toBeUndefined();
      expect(outcomes.get("refused to open")).toBeGreaterThan(5);
    },
  );

  test("when a value was changed", async () => {
    await using folder = await filled(50);
    const data = join(folder.path, "data.mdb");
    const file = await openFile(data, "r+");
    const bytes = await file.readFile();
    for (let at = bytes.indexOf('"p25"'); at !== -1; at = bytes.indexOf('"p25"', at + 1)) await file.write('"q25"', at);
    await file.close();
    const { context, told } = contextOf();
    const backplane = await openStore(folder.path, context);
    expect(await idsIn(backplane)).toBe("internal");
    expect(told.errors).toHaveLength(1);
    const page = await new Promise((done) =>
      backplane.channels.history({ channel: "chat:lobby", options: LOG, before: null, limit: 10 }, done),
    );
    expect(page).toMatchObject({ ok: true });
    await closeStore(backplane);
  });
});

async function attempt(path: string): Promise<string> {
  const { context } = contextOf();
  let backplane;
  try {
    backplane = await openStore(path, context);
  } catch {
    return "refused to open";
  }
  const ids = await idsIn(backplane);
  await closeStore(backplane);
  if (typeof ids === "string") return "refused to read";
  return ids.length === 2_000 && ids.every((id, index) => id === `p${index}`) ? "all there" : "LOST SOMETHING";
}
