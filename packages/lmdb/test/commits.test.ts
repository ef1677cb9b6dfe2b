import { setTimeout as wait } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BackplaneContext, OpenBackplane } from "@carillon/server";
import type { ChannelOptions } from "@carillon/server/testing";
import { Environment } from "../src/environment.ts";
import { contextOf, idsIn, LOG, publish } from "./context.ts";
import { closeStore, Folder, openStore } from "./stores.ts";

const STATE: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: false };
/** After a failed commit nothing is tried for a quarter of a second. */
const PAUSE_MS = 300;

/** Holds commits back, so that what happens before and after them can be told apart. */
class Disk {
  isHeld = false;
  readonly #held: { readonly go: () => void; readonly fail: (error: Error) => void }[] = [];

  /** How many commits wait. */
  get held(): number {
    return this.#held.length;
  }

  /** Stands between the store and the disk until the test is over. */
  plant(): void {
    const { commit } = Environment.prototype;
    const turn = (): Promise<void> =>
      new Promise((go, fail) => {
        if (this.isHeld) this.#held.push({ go, fail });
        else go();
      });
    vi.spyOn(Environment.prototype, "commit").mockImplementation(async function write(
      this: Environment,
      ...parts: Parameters<Environment["commit"]>
    ) {
      await turn();
      return commit.apply(this, parts);
    });
  }

  release(): void {
    this.isHeld = false;
    for (const { go } of this.#held.splice(0)) go();
  }

  fail(): void {
    this.isHeld = false;
    for (const { fail } of this.#held.splice(0)) fail(Object.assign(new Error("I/O error"), { code: 5 }));
  }
}

let disk: Disk;
let folder: Folder;
let backplane: OpenBackplane;
let delivered: string[];
/** What came of what was asked, in the order of the answers. */
let said: string[];

beforeEach(async () => {
  disk = new Disk();
  disk.plant();
  folder = await Folder.create();
  delivered = [];
  said = [];
  const { context } = contextOf();
  const sink: BackplaneContext["sink"] = {
    ...context.sink,
    deliver: (_channel, _prev, _pos, records) => {
      for (const record of records) delivered.push("id" in record ? record.id : record.key);
      said.push("delivered");
    },
  };
  backplane = await openStore(folder.path, { ...context, sink });
  for (const [channel, options] of [
    ["chat:lobby", LOG],
    ["state:1", STATE],
  ] as const)
    backplane.channels.subscribe(channel, options, () => {});
});

afterEach(async () => {
  disk.release();
  await closeStore(backplane);
  await folder[Symbol.asyncDispose]();
});

function ask(id: string): void {
  const idempotency = { scope: "i:1", fingerprint: id, resend: null };
  void publish(backplane, [{ id, idempotency }]).then(([result]) =>
    said.push(`${id} ${result?.ok === true ? (result.duplicate ? "again" : "ok") : result?.code}`),
  );
}

function set(key: string): void {
  const change = { op: "set", key, data: "1", expect: null, owner: null, holder: null, ownOnly: false } as const;
  const done = (result: { readonly ok: boolean }): void => void said.push(`${key} ${result.ok ? "ok" : "failed"}`);
  backplane.channels.apply([{ channel: "state:1", options: STATE, change, done }]);
}

function take(key: string): void {
  backplane.tickets.take(key, (answer) => said.push(`${key} ${answer.ok ? answer.value : answer.code}`));
}

function put(key: string): Promise<boolean> {
  return new Promise((done) => backplane.tickets.put(key, "value", 60_000, ({ ok }) => done(ok)));
}

/** Long enough for whatever would come to have come. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((done) => setImmediate(done));
}

describe("before its commit is synced", () => {
  test("nothing is acknowledged, delivered, readable or given to a repetition", async () => {
    await put("ticket");
    disk.isHeld = true;
    ask("p1");
    set("k1");
    take("ticket");
    await settle();
    ask("p1");
    ask("p2");
    set("k2");
    await settle();
    expect(disk.held).toBe(1);
    expect(said).toEqual([]);
    expect(delivered).toEqual([]);
    expect(await idsIn(backplane)).toEqual([]);
    disk.release();
    await expect.poll(() => said.length).toBe(10);
    // Subscribers are told first, then whoever asked; the second commit comes behind the first.
    expect(said.slice(0, 2)).toEqual(["delivered", "delivered"]);
    expect(said.slice(2, 6).sort()).toEqual(["k1 ok", "p1 again", "p1 ok", "ticket value"]);
    expect(said.slice(6, 8)).toEqual(["delivered", "delivered"]);
    expect(said.slice(8).sort()).toEqual(["k2 ok", "p2 ok"]);
    expect(delivered).toEqual(["p1", "k1", "p2", "k2"]);
    expect(await idsIn(backplane)).toEqual(["p1", "p2"]);
  });
});

describe("a commit that fails", () => {
  test("fails what is in it and everything that was decided on top of it, and leaves nothing behind", async () => {
    await put("ticket");
    await publish(backplane, [{ id: "p0" }]);
    [said, delivered] = [[], []];
    disk.isHeld = true;
    ask("p1");
    take("ticket");
    await settle();
    // The next commit fills while the first is under way.
    ask("p1");
    ask("p2");
    set("k1");
    await settle();
    expect(disk.held).toBe(1);
    disk.fail();
    await expect.poll(() => said.length).toBe(5);
    expect([...said].sort()).toEqual([
      "k1 failed",
      "p1 unavailable",
      "p1 unavailable",
      "p2 out_of_order",
      "ticket unavailable",
    ]);
    expect(delivered).toEqual([]);
    expect(await idsIn(backplane)).toEqual(["p0"]);

    await wait(PAUSE_MS);
    said = [];
    ask("p1");
    await expect.poll(() => said).toEqual(["delivered", "p1 ok"]);
    ask("p2");
    ask("p1");
    take("ticket");
    set("k1");
    await expect.poll(() => said.length).toBe(8);
    expect(said.slice(2).sort()).toEqual(["delivered", "delivered", "k1 ok", "p1 again", "p2 ok", "ticket value"]);
    expect(await idsIn(backplane)).toEqual(["p0", "p1", "p2"]);
  });
});
