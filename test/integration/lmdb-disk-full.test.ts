import { lmdb } from "@carillon/lmdb";
import type { OpenBackplane } from "@carillon/server";
import type { AppendResult, ChannelOptions, Page } from "@carillon/server/backplane";
import { appendRequest, DEFAULT_LIMITS, systemPorts } from "@carillon/server/testing";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, expect, test, vi } from "vitest";

const LOG: ChannelOptions = { kind: "log", historySize: 1e6, historyTtlMs: 1e9, ttlMs: 0, owned: false };
/** After a failed commit nothing is tried for a quarter of a second. */
const PAUSE_MS = 300;

let disk: string;
let isMounted = false;

beforeEach((context) => {
  disk = mkdtempSync(join(tmpdir(), "carillon-disk-"));
  isMounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=16m", "tmpfs", disk]).status === 0;
  if (!isMounted) context.skip("Mounting a small disk is not permitted here; run as root.");
  writeFileSync(join(disk, "filler"), Buffer.alloc(10 * 2 ** 20));
});

afterEach(() => {
  if (isMounted) spawnSync("umount", ["--lazy", disk]);
  rmdirSync(disk);
});

function open(path: string, availability: boolean[]): Promise<OpenBackplane> {
  const ignore = (): void => {};
  return new Promise((resolve, reject) => {
    const context = {
      ports: systemPorts(),
      limits: DEFAULT_LIMITS,
      logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
      faults: new Set<never>(),
      sink: {
        deliver: ignore,
        suspect: ignore,
        available: (isAvailable: boolean) => availability.push(isAvailable),
        ownershipLost: ignore,
      },
      onControl: ignore,
    };
    lmdb({ path }).open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}

function publish({ channels }: OpenBackplane, ids: readonly string[]): Promise<AppendResult[]> {
  return Promise.all(
    ids.map(
      (id) =>
        new Promise<AppendResult>((done) => {
          const idempotency = { scope: "i:1", fingerprint: id, resend: null };
          const data = JSON.stringify(id + "x".repeat(2_000));
          channels.append([{ ...appendRequest({ channel: "chat:lobby", options: LOG, id, idempotency, data }), done }]);
        }),
    ),
  );
}

async function read({ channels }: OpenBackplane): Promise<string[]> {
  const page = await new Promise<Page>((resolve, reject) => {
    channels.read({ channel: "chat:lobby", options: LOG, after: "-", bounds: { items: 1e6, bytes: 1e9 } }, (answer) =>
      answer.ok ? resolve(answer.value) : reject(new Error(answer.message)),
    );
  });
  expect(page.atTop).toBe(true);
  return page.records.map((record) => ("id" in record ? record.id : record.key));
}

test("a full disk refuses what can't be stored, serves what is there, and takes more when there is room", async () => {
  // LMDB writes of each failed commit to the console, too.
  vi.spyOn(console, "error").mockImplementation(() => {});
  const availability: boolean[] = [];
  const path = join(disk, "store");
  const backplane = await open(path, availability);
  const stored: string[] = [];
  let refused: AppendResult | undefined;
  for (let batch = 0; refused === undefined; batch++) {
    const ids = Array.from({ length: 20 }, (_, index) => `p${batch}-${index}`);
    const results = await publish(backplane, ids);
    stored.push(...ids.filter((_, index) => results[index]?.ok));
    refused = results.find((result) => !result.ok);
    // All of a commit, or nothing of it; in one channel and scope only the first is told to try again.
    if (refused !== undefined) {
      expect(results.map((result) => (result.ok ? "ok" : result.code))).toEqual([
        "overloaded",
        ...Array(19).fill("out_of_order"),
      ]);
    }
    expect(batch).toBeLessThan(1_000);
  }
  expect(stored.length).toBeGreaterThan(500);
  expect(refused).toMatchObject({
    ok: false,
    code: "overloaded",
    message: expect.stringMatching(/disk of the store is full/),
  });
  expect(availability).toEqual([false]);

  // What is on its way from before the failure must not overtake.
  expect((await publish(backplane, ["at once"]))[0]).toMatchObject({ ok: false, code: "unavailable" });
  expect(await read(backplane)).toEqual(stored);
  await wait(PAUSE_MS);
  // More than fits in what is free within the file.
  const [still] = await publish(
    backplane,
    Array.from({ length: 300 }, (_, index) => `still full ${index}`),
  );
  expect(still).toMatchObject({ ok: false, code: "overloaded" });
  await wait(PAUSE_MS);
  const [again] = await publish(backplane, [stored[0] ?? ""]);
  expect(again).toMatchObject({ ok: true, duplicate: true });
  expect(await read(backplane)).toEqual(stored);

  rmSync(join(disk, "filler"));
  await wait(PAUSE_MS);
  const more = Array.from({ length: 200 }, (_, index) => `more-${index}`);
  const results = await publish(backplane, more);
  expect(results.every(({ ok }) => ok)).toBe(true);
  expect(availability.at(-1)).toBe(true);
  expect(await read(backplane)).toEqual([...stored, ...more]);
  await new Promise<void>((done) => backplane.close(done));

  const next = await open(path, availability);
  expect(await read(next)).toEqual([...stored, ...more]);
  await new Promise<void>((done) => next.close(done));
});

test("a store is not begun on a full disk, and the sentence says why", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  for (const free of [0, 8_192, 40_960, 500_000]) {
    writeFileSync(join(disk, "more"), Buffer.alloc(6 * 2 ** 20 - free));
    await expect(open(join(disk, "store"), [])).rejects.toThrow(/The disk of .* is full: make room|ENOSPC/);
    rmSync(join(disk, "more"));
  }
  const backplane = await open(join(disk, "store"), []);
  expect((await publish(backplane, ["p1"]))[0]).toMatchObject({ ok: true });
  await new Promise<void>((done) => backplane.close(done));
  // One that is there is opened if that takes no room that isn't there; and if it isn't, it says so, and is untouched.
  for (const free of [0, 4_096, 8_192, 40_960]) {
    const { bavail, bsize } = statfsSync(disk);
    writeFileSync(join(disk, "more"), Buffer.alloc(bavail * bsize - free));
    const again: unknown = await open(join(disk, "store"), []).catch((error: unknown) => error);
    if (again instanceof Error) expect(again.message).toMatch(/The disk of .* is full: make room/);
    else await new Promise<void>((done) => (again as OpenBackplane).close(done));
    rmSync(join(disk, "more"));
  }
  const last = await open(join(disk, "store"), []);
  expect(await read(last)).toEqual(["p1"]);
  await new Promise<void>((done) => last.close(done));
});
