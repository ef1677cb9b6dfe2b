import { createHash } from "node:crypto";
import { describe, expect, it, vi } from "vitest";
import { systemPorts } from "../../src/transport/clock.ts";

const ports = systemPorts();

describe("the ports of the system", () => {
  it("hash to the first 64 bits of SHA-256 in base64url, text as UTF-8", () => {
    for (let length = 0; length < 300; length += 1) {
      const text = "é".repeat(length);
      const expected = createHash("sha256").update(text).digest().subarray(0, 8).toString("base64url");
      expect(ports.hash(text)).toBe(expected);
      expect(ports.hash(Buffer.from(text))).toBe(expected);
      expect(expected).toHaveLength(11);
    }
  });

  it("digest to all 256 bits of it", () => {
    for (const text of ["", "t_0", "é".repeat(300)]) {
      expect(ports.digest(text)).toBe(createHash("sha256").update(text).digest("base64url"));
    }
    expect(ports.digest("")).toHaveLength(43);
  });

  it("make ids of 22 characters that never repeat", () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => ports.id()));
    expect(ids.size).toBe(10_000);
    for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9_-]{22}$/);
  });

  it("fire a timer after its delay and never within the call", async () => {
    const startMs = ports.monotonicMs();
    let isWithin = true;
    const firedMs = await new Promise<number>((resolve) => {
      ports.after(20, () => {
        expect(isWithin).toBe(false);
        resolve(ports.monotonicMs());
      });
      isWithin = false;
    });
    // Node rounds the start of a timer down to a millisecond.
    expect(firedMs - startMs).toBeGreaterThanOrEqual(19);
  });

  it("wait out delays that setTimeout can't take, and forget timers that are cancelled, in any part of the wait", () => {
    vi.useFakeTimers();
    try {
      const [fired, cancelled] = [vi.fn<() => void>(), vi.fn<() => void>()];
      const DAY_MS = 86_400_000;
      ports.after(60 * DAY_MS, fired);
      const timer = ports.after(60 * DAY_MS, cancelled);
      vi.advanceTimersByTime(50 * DAY_MS);
      expect(fired).not.toHaveBeenCalled();
      timer.cancel();
      timer.cancel();
      vi.advanceTimersByTime(10 * DAY_MS);
      expect(fired).toHaveBeenCalledTimes(1);
      vi.advanceTimersByTime(100 * DAY_MS);
      expect([fired.mock.calls.length, cancelled.mock.calls.length, vi.getTimerCount()]).toEqual([1, 0, 0]);
    } finally {
      vi.useRealTimers();
    }
  });

  it("end a tick after the events that wait already", async () => {
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      ports.endOfTick(() => {
        order.push("end of tick");
        resolve();
      });
      process.nextTick(() => order.push("next tick"));
      queueMicrotask(() => order.push("microtask"));
      order.push("now");
    });
    expect([order[0], order.at(-1), order.length]).toEqual(["now", "end of tick", 4]);
  });
});
