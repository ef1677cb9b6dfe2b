import { describe, expect, it } from "vitest";
import { KeyedRateLimit, TokenBucket } from "../../src/policy/rate-limit.ts";
import { FakeWorld } from "./fake-world.ts";

describe("a token bucket", () => {
  it("gives its burst at once and then says how long to wait", () => {
    const world = new FakeWorld();
    const bucket = new TokenBucket(world, { perSecond: 10, burst: 3 });
    expect([bucket.take(), bucket.take(), bucket.take()]).toEqual([0, 0, 0]);
    expect(bucket.take()).toBe(100);
    world.advance(60);
    expect(bucket.take()).toBe(40);
    world.advance(40);
    expect(bucket.take()).toBe(0);
    expect(bucket.take()).toBe(100);
  });

  it("has a token after exactly the time that it said", () => {
    const world = new FakeWorld();
    const bucket = new TokenBucket(world, { perSecond: 3, burst: 1 });
    for (let time = 0; time < 1_000; time += 1) {
      const waitMs = bucket.take();
      if (waitMs === 0) continue;
      world.advance(waitMs);
      expect(bucket.take()).toBe(0);
    }
  });

  it("counts no time twice when it is told one that was read a while ago", () => {
    const world = new FakeWorld();
    const bucket = new TokenBucket(world, { perSecond: 10, burst: 1 });
    const before = world.monotonicMs();
    world.advance(100);
    expect(bucket.take()).toBe(0);
    expect(bucket.take(before)).toBe(100);
    expect(bucket.take()).toBe(100);
  });

  it("keeps the rate over time and never saves up more than its burst", () => {
    const world = new FakeWorld();
    const bucket = new TokenBucket(world, { perSecond: 100, burst: 50 });
    world.advance(3_600_000);
    let taken = 0;
    for (let ms = 0; ms < 10_000; ms += 1) {
      while (bucket.take() === 0) taken += 1;
      world.advance(1);
    }
    expect(taken).toBeGreaterThanOrEqual(50 + 999);
    expect(taken).toBeLessThanOrEqual(50 + 1_000);
  });
});

describe("a keyed rate limit", () => {
  it("limits each key by itself", () => {
    const limit = new KeyedRateLimit(new FakeWorld(), { perSecond: 1, burst: 2, keysMax: 100 });
    expect([limit.take("a"), limit.take("a"), limit.take("b")]).toEqual([0, 0, 0]);
    expect(limit.take("a")).toBe(1_000);
    expect(limit.take("__proto__")).toBe(0);
  });

  it("forgets keys whose buckets are full again", () => {
    const world = new FakeWorld();
    const limit = new KeyedRateLimit(world, { perSecond: 1, burst: 2, keysMax: 100 });
    for (let key = 0; key < 50; key += 1) limit.take(`key ${key}`);
    expect(limit.size).toBe(50);
    world.advance(2_000);
    for (let call = 0; call < 20; call += 1) limit.take("again");
    expect(limit.size).toBe(1);
  });

  it("never remembers more keys than it may, and forgets those unseen for longest", () => {
    const limit = new KeyedRateLimit(new FakeWorld(), { perSecond: 0.001, burst: 1, keysMax: 10 });
    limit.take("first");
    for (let key = 0; key < 8; key += 1) limit.take(`key ${key}`);
    expect(limit.take("first")).toBeGreaterThan(0);
    for (let key = 10; key < 1_000; key += 1) {
      limit.take(`key ${key}`);
      expect(limit.take("first")).toBeGreaterThan(0);
      expect(limit.size).toBeLessThanOrEqual(10);
    }
  });
});
