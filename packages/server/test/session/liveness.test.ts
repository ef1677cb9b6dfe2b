import { beforeEach, describe, expect, it } from "vitest";
import { Liveness } from "../../src/session/liveness.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";
import type { Connection } from "../../src/session/connection.ts";

const BOUNDS = { heartbeatMs: 10_000, stallTimeoutMs: 30_000 };

let world: VirtualWorld;
let connection: { takenBytes: number; queuedBytes: number };
let liveness: Liveness;

beforeEach(() => {
  world = new VirtualWorld();
  connection = { takenBytes: 0, queuedBytes: 0 };
  liveness = new Liveness(world, connection as Connection, BOUNDS);
});

describe("Liveness", () => {
  it("misses a peer that says nothing for one and a half heartbeats", () => {
    world.advance(15_000);
    expect(liveness.beat(false)).toBe("alive");
    world.advance(1);
    expect(liveness.beat(false)).toBe("heartbeat_missed");
  });

  it("hears what comes in time, and no more after that", () => {
    world.advance(15_000);
    expect(liveness.heard()).toBe(world.monotonicMs());
    world.advance(15_001);
    expect(liveness.heard()).toBeNull();
    expect(liveness.beat(false)).toBe("heartbeat_missed");
  });

  it("does not count silence while nothing is read from the peer", () => {
    world.advance(100_000);
    expect(liveness.beat(true)).toBe("alive");
  });

  it("gives a reader that has just woken time to be heard", () => {
    connection.queuedBytes = 300_000;
    world.advance(20_000);
    expect(liveness.beat(true)).toBe("alive");
    Object.assign(connection, { takenBytes: 300_000, queuedBytes: 0 });
    world.advance(10_000);
    expect(liveness.beat(false)).toBe("alive");
    world.advance(10_000);
    expect(liveness.beat(false)).toBe("heartbeat_missed");
  });

  it("takes a reader of one byte a beat for alive, and one that takes nothing for slow, even if it talks", () => {
    connection.queuedBytes = 100;
    for (let beat = 0; beat < 10; beat++) {
      world.advance(10_000);
      connection.takenBytes++;
      expect(liveness.beat(false)).toBe("alive");
    }
    for (let beat = 0; beat < 3; beat++) {
      world.advance(10_000);
      liveness.heard();
      expect(liveness.beat(false)).toBe("alive");
    }
    world.advance(1);
    liveness.heard();
    expect(liveness.beat(false)).toBe("slow");
  });

  it("does not take bytes that the system put into its own buffers for a sign of life", () => {
    for (let beat = 0; beat < 2; beat++) {
      world.advance(10_000);
      connection.takenBytes += 50;
      if (beat === 0) expect(liveness.beat(false)).toBe("alive");
    }
    expect(liveness.beat(false)).toBe("heartbeat_missed");
  });
});
