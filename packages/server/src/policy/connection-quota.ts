/** How many connections there may be; see `Limits`. */
export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerUser: number;
  readonly connectionsPerAddress: number;
}

/**
 * Counts the connections of a node, of each address and of each user. Room that was taken is given back by the function
 * that came with it, once however often it is called; when the last is back, nothing is remembered.
 */
export class ConnectionQuota {
  readonly #limits: ConnectionLimits;
  readonly #addresses = new Map<string, number>();
  readonly #users = new Map<string, number>();
  #connections = 0;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
  }

  /** Gauge: connections counted now. */
  get connections(): number {
    return this.#connections;
  }

  /** Gauge: addresses with a connection. */
  get addresses(): number {
    return this.#addresses.size;
  }

  /** Gauge: users with a connection. */
  get users(): number {
    return this.#users.size;
  }

  /** Room for a connection from the address: what gives it back, or null if the node or the address has none. */
  reserve(remoteAddress: string): (() => void) | null {
    if (this.#connections >= this.#limits.connections) return null;
    const release = enter(this.#addresses, addressKey(remoteAddress), this.#limits.connectionsPerAddress);
    if (release === null) return null;
    this.#connections += 1;
    return releaseOf(() => {
      this.#connections -= 1;
      release();
    });
  }

  /** Room for a connection of the user, in addition: what gives it back, or null if there is none. */
  reserveUser(userId: string): (() => void) | null {
    const release = enter(this.#users, userId, this.#limits.connectionsPerUser);
    return release === null ? null : releaseOf(release);
  }
}

/**
 * Who an address stands for when things are counted: itself, but the first 64 bits of IPv6, since that much is what one
 * customer gets, and counting each of its 2⁶⁴ addresses would count nothing.
 */
export function addressKey(address: string): string {
  if (!address.includes(":")) return address;
  const [head = "", tail] = (address.split("%")[0] ?? "").toLowerCase().split("::");
  const left = head === "" ? [] : head.split(":");
  const right = tail === undefined || tail === "" ? [] : tail.split(":");
  // An address that ends like IPv4 writes two groups as one.
  const written = left.length + right.length + (address.includes(".") ? 1 : 0);
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - written);
  const groups = [...left, ...Array.from({ length: zeros }, () => "0"), ...right];
  const prefix = groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ""));
  return `${prefix.join(":")}::/64`;
}

function enter(counts: Map<string, number>, key: string, max: number): (() => void) | null {
  const count = counts.get(key) ?? 0;
  if (count >= max) return null;
  counts.set(key, count + 1);
  return () => {
    const left = (counts.get(key) ?? 0) - 1;
    if (left > 0) counts.set(key, left);
    else counts.delete(key);
  };
}

function releaseOf(release: () => void): () => void {
  let isReleased = false;
  return () => {
    if (isReleased) return;
    isReleased = true;
    release();
  };
}
