/** How many connections there may be; see `Limits`. */
export interface ConnectionLimits {
  readonly connections: number;
  readonly connectionsPerAddress: number;
}

/** Counts the connections of a node and of each address. When the last is given back, nothing is remembered. */
export class ConnectionQuota {
  readonly #limits: ConnectionLimits;
  readonly #addresses = new Map<string, number>();
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

  /** Takes room for a connection from the address; false, and nothing is taken, if the node or the address has none. */
  reserve(remoteAddress: string): boolean {
    const key = addressKey(remoteAddress);
    const count = this.#addresses.get(key) ?? 0;
    if (this.#connections >= this.#limits.connections || count >= this.#limits.connectionsPerAddress) return false;
    this.#addresses.set(key, count + 1);
    this.#connections += 1;
    return true;
  }

  /** Gives the room of one connection back: once for each time that `reserve` returned true. */
  release(remoteAddress: string): void {
    const key = addressKey(remoteAddress);
    const left = (this.#addresses.get(key) ?? 0) - 1;
    if (left > 0) this.#addresses.set(key, left);
    else this.#addresses.delete(key);
    this.#connections -= 1;
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
