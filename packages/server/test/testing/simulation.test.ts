import { describe, expect, it } from "vitest";
import type { AppendResult, ChannelOptions } from "../../src/backplane/channel-store.ts";
import { NO_FAULTS } from "../../src/core/faults.ts";
import { DEFAULT_LIMITS } from "../../src/core/limits.ts";
import { SILENT_LOGGER } from "../../src/core/logger.ts";
import { appendRequest } from "../../src/testing/append-request.ts";
import { withoutAmbient } from "../../src/testing/simulation/ambient.ts";
import { FrameReader, SIMULATED_FRAMING } from "../../src/testing/simulation/frames.ts";
import { Pipe } from "../../src/testing/simulation/pipe.ts";
import { SimulatedRandom } from "../../src/testing/simulation/simulated-random.ts";
import { SimulatedWorld } from "../../src/testing/simulation/simulated-world.ts";
import { Volume } from "../../src/testing/simulation/volume.ts";

const LOG: ChannelOptions = { kind: "log", historySize: 100, historyTtlMs: 1e9, ttlMs: 0, owned: false };

describe("A simulated world", () => {
  it("lets promises run between two events", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const seen: string[] = [];
    const later = async (): Promise<void> => {
      await Promise.resolve();
      await Promise.resolve();
      seen.push("promise");
    };
    world.after(5, () => void later());
    world.after(5, () => seen.push("event"));
    await world.run(10);
    expect(seen).toEqual(["promise", "event"]);
    expect(world.nowMs).toBe(10);
  });

  it("rejects with what an event throws", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    world.after(1, () => {
      throw new Error("broken");
    });
    await expect(world.run(10)).rejects.toThrow("broken");
  });

  it("gives each name a chance of its own, and the same seed the same", () => {
    const random = new SimulatedRandom(7);
    expect(random.fork("a").id()).toBe(new SimulatedRandom(7).fork("a").id());
    expect(random.fork("a").id()).not.toBe(random.fork("b").id());
  });

  it("lets no timer of a machine ring that was stopped", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const machine = world.machine("server");
    let hasRung = false;
    machine.after(5, () => (hasRung = true));
    machine.stop();
    await world.run(10);
    expect(hasRung).toBe(false);
  });

  it("has no clock, timer or chance but its own", async () => {
    await withoutAmbient(async () => {
      expect(() => Date.now()).toThrow("take the port");
      expect(() => new Date()).toThrow("wall clock port");
      expect(() => Math.random()).toThrow("take the port");
      expect(() => setTimeout(() => {}, 1)).toThrow("take the port");
      expect(new Date(0).getTime()).toBe(0);
    });
    expect(Date.now()).toBeGreaterThan(0);
  });
});

describe("A pipe", () => {
  it("that breaks delivers whole frames from the front, and never a part of one", async () => {
    for (let seed = 0; seed < 200; seed++) {
      const world = new SimulatedWorld({ seed });
      const seen: (string | Uint8Array)[] = [];
      const reader = new FrameReader((payload) => seen.push(payload));
      const arrive = (bytes: Uint8Array): void => reader.read(bytes);
      const pipe = new Pipe({ world, delayMs: () => world.random.int(0, 9), windowBytes: 40, arrive });
      for (let number = 0; number < 20; number++) pipe.write(SIMULATED_FRAMING.text(`message ${number}`));
      world.after(world.random.int(0, 40), () => pipe.cut(world.random, () => {}));
      await world.run(1_000);
      expect(seen).toEqual(Array.from({ length: seen.length }, (_, number) => `message ${number}`));
    }
  });

  it("counts a buffer as queued until all of it is under way", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const pipe = new Pipe({ world, delayMs: () => 1, windowBytes: 10, arrive: () => {} });
    pipe.write(new Uint8Array(25));
    expect(pipe.queuedBytes).toBe(25);
    await world.run(100);
    expect(pipe.queuedBytes).toBe(0);
    expect(pipe.takenBytes).toBe(25);
  });
});

describe("A volume", () => {
  it("that is rolled back is the same log as it was, positions included", async () => {
    const world = new SimulatedWorld({ seed: 1 });
    const context = { limits: DEFAULT_LIMITS, logger: SILENT_LOGGER, faults: NO_FAULTS };
    const machine = world.machine("broker");
    const volume = new Volume({ ...context, machine, changed: () => {}, isRunning: () => true });
    const append = (id: string): string => {
      const results: AppendResult[] = [];
      volume.do((store) =>
        store.channels.append([
          { ...appendRequest({ channel: "log:a", options: LOG, id }), done: (result) => results.push(result) },
        ]),
      );
      const [result] = results;
      return result?.ok === true ? result.pos : "";
    };
    const positions = [append("a"), append("b")];
    const { length } = volume;
    await world.run(50);
    const lost = append("c");
    volume.rollBack(length);
    const page = volume.look((store) => {
      const tops: string[] = [];
      store.channels.subscribe("log:a", LOG, (answer) => tops.push(answer.ok ? answer.value : ""));
      return tops;
    });
    expect(page).toEqual([positions[1]]);
    await world.run(60);
    expect(append("c")).not.toBe(lost);
  });
});
