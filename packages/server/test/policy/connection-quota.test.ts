import { describe, expect, it } from "vitest";
import { addressKey, ConnectionQuota } from "../../src/policy/connection-quota.ts";

const LIMITS = { connections: 5, connectionsPerAddress: 3 };

describe("the quota of connections", () => {
  it("has room up to the limits of address and node, and again after a release", () => {
    const quota = new ConnectionQuota(LIMITS);
    for (let count = 0; count < 3; count += 1) expect(quota.reserve("10.0.0.1")).toBe(true);
    expect(quota.reserve("10.0.0.1")).toBe(false);
    expect(quota.reserve("10.0.0.2")).toBe(true);
    expect(quota.reserve("10.0.0.3")).toBe(true);
    expect(quota.reserve("10.0.0.4")).toBe(false);
    quota.release("10.0.0.1");
    expect(quota.reserve("10.0.0.1")).toBe(true);
  });

  it("comes back to zero", () => {
    const quota = new ConnectionQuota(LIMITS);
    const addresses = ["10.0.0.1", "10.0.0.1", "__proto__"];
    for (const address of addresses) expect(quota.reserve(address)).toBe(true);
    expect([quota.connections, quota.addresses]).toEqual([3, 2]);
    for (const address of addresses) quota.release(address);
    expect([quota.connections, quota.addresses]).toEqual([0, 0]);
  });

  it("leaves nothing behind when it refuses", () => {
    const quota = new ConnectionQuota({ ...LIMITS, connections: 0 });
    expect(quota.reserve("10.0.0.1")).toBe(false);
    const none = new ConnectionQuota({ ...LIMITS, connectionsPerAddress: 0 });
    expect(none.reserve("10.0.0.1")).toBe(false);
    expect([quota.addresses, quota.connections, none.addresses, none.connections]).toEqual([0, 0, 0, 0]);
  });

  it("counts all of an IPv6 network of 64 bits as one address", () => {
    const quota = new ConnectionQuota(LIMITS);
    for (const host of ["1", "2", "ffff:1"]) expect(quota.reserve(`2001:db8:0:1::${host}`)).toBe(true);
    expect(quota.reserve("2001:db8::1:9:9:9:9")).toBe(false);
    expect(quota.reserve("2001:db8:0:2::1")).toBe(true);
  });
});

describe("the key of an address", () => {
  it.each([
    ["192.0.2.1", "192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002::", "2001:db8:1:2::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["64:ff9b::192.0.2.1", "64:ff9b:0:0::/64"],
    ["", ""],
  ])("of %s is %s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
