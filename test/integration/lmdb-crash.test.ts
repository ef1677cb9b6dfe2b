import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Bundle } from "../support/bundle.ts";
import { KillableStore } from "../support/killable-store.ts";
import { SeededRandom } from "../support/seeded-random.ts";
import type { Placed } from "../support/store-process.ts";

let program: Bundle;
let folder: string;

beforeAll(async () => {
  program = await KillableStore.program();
  folder = await mkdtemp(join(tmpdir(), "carillon-crash-"));
});

afterAll(async () => {
  program[Symbol.dispose]();
  await rm(folder, { recursive: true, force: true });
});

/** Answers, by id; a second answer for an id has to be the first one again. */
class Ledger {
  readonly #first = new Map<string, Placed>();
  /** Answers that were compared with an earlier one. */
  compared = 0;
  /** Answers that were not the first one again, or none at all. */
  readonly wrong: string[] = [];

  note(ids: readonly string[], results: readonly Placed[]): void {
    for (const [index, id] of ids.entries()) {
      const result = results[index] ?? "none";
      const first = this.#first.get(id);
      if (typeof result === "string") this.wrong.push(`${id}: ${result}`);
      else if (first === undefined) this.#first.set(id, result);
      else {
        this.compared++;
        const isSame = first[0] === result[0] && first[1] === result[1] && result[2];
        if (!isSame) this.wrong.push(`${id}: ${String(result)} after ${String(first)}`);
      }
    }
  }

  get size(): number {
    return this.#first.size;
  }

  has(id: string): boolean {
    return this.#first.has(id);
  }
}

describe("a store whose process is killed", () => {
  test("has what it acknowledged, and gives the same answers again: 50 kills between append and acknowledgement", async () => {
    const random = new SeededRandom(4);
    const path = join(folder, "kills");
    const ledger = new Ledger();
    const sent: string[] = [];
    let unanswered = 0;
    for (let kill = 0; kill < 50; kill++) {
      const store = await KillableStore.open(program, path);
      // What was asked before, answered or not, is asked again, as clients do.
      const again = sent.slice(-400);
      if (again.length > 0) ledger.note(again, await store.publish(again));
      const answers: Promise<unknown>[] = [];
      for (let batch = 0; batch < 12; batch++) {
        const ids = Array.from(
          { length: 1 + random.below(30) },
          () => `p${sent.length + unanswered}-${random.below(1e9)}`,
        );
        sent.push(...ids);
        answers.push(store.publish(ids).then((results) => ledger.note(ids, results)));
        if (random.below(3) === 0) await wait(1);
      }
      // From before the first commit to behind the last one.
      if (random.below(2) === 0) await Promise.race([wait(random.below(6)), Promise.all(answers)]);
      await store.kill();
      unanswered += sent.filter((id) => !ledger.has(id)).length;
    }
    const store = await KillableStore.open(program, path);
    ledger.note(sent, await store.publish(sent));
    const ids = await store.read();
    await store.kill();
    console.log(
      `50 kills: ${sent.length} publishes, ${unanswered} without an answer at a kill, ${ledger.compared} answers compared, ` +
        `${ledger.wrong.length} wrong, ${ids.length} stored`,
    );
    expect(ledger.wrong).toEqual([]);
    expect(new Set(ids).size).toBe(ids.length);
    expect([...ids].sort()).toEqual([...sent].sort());
    expect(ledger.size).toBe(sent.length);
    // The test would show nothing if every answer had come before the kill, or none had.
    expect(unanswered).toBeGreaterThan(100);
    expect(ledger.compared).toBeGreaterThan(1_000);
  });

  test("leaves its folder to the next process at once; two at a time are refused", async () => {
    const path = join(folder, "locked");
    const store = await KillableStore.open(program, path);
    await store.publish(["p1"]);
    await expect(KillableStore.open(program, path)).rejects.toThrow(
      new RegExp(`in use by process ${store.pid}\\. A folder belongs to one server`),
    );
    const [result] = await store.publish(["p2"]);
    expect(result).toMatchObject([expect.any(String), expect.any(Number), false]);
    await store.kill();
    const next = await KillableStore.open(program, path);
    expect(await next.read()).toEqual(["p1", "p2"]);
    await next.kill();
  });

  test("of several that start at once, at most one has the folder", async () => {
    const path = join(folder, "race");
    await (await KillableStore.open(program, path)).kill();
    for (let round = 0; round < 5; round++) {
      const opened = await Promise.allSettled(Array.from({ length: 4 }, () => KillableStore.open(program, path)));
      const stores = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
      expect(stores.length).toBeLessThanOrEqual(1);
      for (const result of opened) if (result.status === "rejected") expect(String(result.reason)).toMatch(/in use/);
      for (const store of stores) await store.kill();
    }
  });
});
