import { describe, expect, it } from "vitest";
import { addressKey, ConnectionQuota } from "../../src/policy/connection-quota.ts";

const LIMITS = { connections: 5, connectionsPerUser: 2, connectionsPerAddress: 3 };

describe("the quota of connections", () => {
  it("has room up to the limits of address and node, and again after a release", () => {
    const quota = new ConnectionQuota(LIMITS);
    const releases = [1, 2, 3].map(() => quota.reserve("10.0.0.1"));
    expect(quota.reserve("10.0.0.1")).toBeNull();
    expect(quota.reserve("10.0.0.2")).not.toBeNull();
    expect(quota.reserve("10.0.0.3")).not.toBeNull();
    expect(quota.reserve("10.0.0.4")).toBeNull();
    releases[0]?.();
    expect(quota.reserve("10.0.0.1")).not.toBeNull();
  });

  it("counts the connections of a user by themselves", () => {
    const quota = new ConnectionQuota(LIMITS);
    const release = quota.reserveUser("__proto__");
    expect(quota.reserveUser("__proto__")).not.toBeNull();
    expect(quota.reserveUser("__proto__")).toBeNull();
    expect(quota.reserveUser("bob")).not.toBeNull();
    release?.();
    expect(quota.reserveUser("__proto__")).not.toBeNull();
  });

  it("takes a release once, however often it is called, and comes back to zero", () => {
    const quota = new ConnectionQuota(LIMITS);
    const releases = [quota.reserve("10.0.0.1"), quota.reserve("10.0.0.1"), quota.reserveUser("ada")];
    for (const release of releases) {
      release?.();
      release?.();
    }
    expect([quota.connections, quota.addresses, quota.users]).toEqual([0, 0, 0]);
  });

  it("leaves nothing behind when it refuses", () => {
    const quota = new ConnectionQuota({ ...LIMITS, connections: 0 });
    expect(quota.reserve("10.0.0.1")).toBeNull();
    const none = new ConnectionQuota({ ...LIMITS, connectionsPerAddress: 0 });
    expect(none.reserve("10.0.0.1")).toBeNull();
    expect([quota.addresses, quota.connections, none.addresses, none.connections]).toEqual([0, 0, 0, 0]);
  });

  it("counts all of an IPv6 network of 64 bits as one address", () => {
    const quota = new ConnectionQuota(LIMITS);
    for (const host of ["1", "2", "ffff:1"]) expect(quota.reserve(`2001:db8:0:1::${host}`)).not.toBeNull();
    expect(quota.reserve("2001:db8::1:9:9:9:9")).toBeNull();
    expect(quota.reserve("2001:db8:0:2::1")).not.toBeNull();
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
