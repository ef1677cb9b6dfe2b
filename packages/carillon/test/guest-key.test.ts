import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { makeDataFolder } from "../src/data-folder.ts";
import { GuestIdentity } from "../src/guest-identity.ts";
import { guestKeyIn } from "../src/guest-key.ts";
import { StartError } from "../src/start-error.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "carillon-key-"));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

describe("the key that signs the cookies of guests", () => {
  test("is made once, and is the same at every later start", async () => {
    const key = await guestKeyIn(folder);
    expect(key).toHaveLength(32);
    expect(await guestKeyIn(folder)).toEqual(key);
    const identity = new GuestIdentity("guest", key);
    const id = identity.of(undefined);
    const [pair = ""] = identity.cookie(id).split(";");
    expect(new GuestIdentity("guest", await guestKeyIn(folder)).of(pair)).toBe(id);
  });

  test("is for the user of the server alone, and leaves nothing else behind", async () => {
    // What a crash in the middle leaves, with other rights and other content.
    await writeFile(join(folder, "guest.key.new"), "half a k", { mode: 0o644 });
    await guestKeyIn(folder);
    expect(await readdir(folder)).toEqual(["guest.key"]);
    expect((await stat(join(folder, "guest.key"))).mode & 0o777).toBe(0o600);
  });

  test.each([["nothing"], [""], ["x".repeat(42)], ["!".repeat(44)], [`${"A".repeat(43)}\n${"A".repeat(43)}`]])(
    "is not replaced when the file holds %j: every guest would become another",
    async (content) => {
      await writeFile(join(folder, "guest.key"), content);
      const problem = await guestKeyIn(folder).catch((error: unknown) => error);
      expect(problem).toBeInstanceOf(StartError);
      expect(String(problem)).toMatch(/guest\.key is damaged: expected 32 bytes in base64url\. Restore it/);
      expect(await readFile(join(folder, "guest.key"), "utf8")).toBe(content);
    },
  );

  test("says in a sentence that it can't be kept", async () => {
    const failed = guestKeyIn(join(folder, "missing"));
    await expect(failed).rejects.toThrow(StartError);
    await expect(failed).rejects.toThrow(/can't be kept in .*guest\.key: ENOENT/);
  });
});

describe("the data folder", () => {
  test("is made with those above it, for the user of the server alone", async () => {
    const path = join(folder, "a", "b");
    await makeDataFolder(path);
    await makeDataFolder(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
    expect((await stat(join(folder, "a"))).mode & 0o777).toBe(0o700);
  });

  test("is refused in a sentence where none can be made", async ({ skip }) => {
    if (process.platform !== "linux") skip("Only Linux has a /proc, in which nobody can make a folder.");
    const failed = makeDataFolder("/proc/carillon/data");
    await expect(failed).rejects.toThrow(StartError);
    await expect(failed).rejects.toThrow(/^The folder \/proc\/carillon\/data can't be made \(.*\): choose another/);
  });
});
