import type { Connection } from "./connection.ts";

/** Told when writing made room in a full outbox; that the peer made room, the connection tells. */
export interface OutboxUser {
  drained(): void;
}

/** Told when an outbox has something to write at the end of the tick. */
export interface OutboxOwner {
  dirty(outbox: Outbox): void;
}

/**
 * What waits for one connection. Within a tick, buffers are collected; at its end they are written with one system
 * call. Live units are refused beyond the bound, so a reader that stops costs the bound and no more; replies are
 * always taken, because their number is bounded by not reading further commands (see `isFull`).
 */
export class Outbox {
  readonly #connection: Connection;
  readonly #owner: OutboxOwner;
  readonly #bytesMax: number;
  readonly #user: OutboxUser;
  // Most ticks bring a connection one buffer, and an array for it would cost more than everything else here.
  #first: Uint8Array | null = null;
  #others: Uint8Array[] | null = null;
  #pendingBytes = 0;
  /**
   * What the connection held back of the last write. While that is nothing, the connection need not be asked: to look
   * at a thousand sockets before the first of them is written would bring each of them into the cache twice.
   */
  #heldBackBytes = 0;

  constructor(connection: Connection, owner: OutboxOwner, bytesMax: number, user: OutboxUser) {
    this.#connection = connection;
    this.#owner = owner;
    this.#bytesMax = bytesMax;
    this.#user = user;
  }

  /** Bytes that the peer has yet to take. */
  get bytes(): number {
    return this.#heldBackBytes === 0 ? this.#pendingBytes : this.#pendingBytes + this.#connection.queuedBytes;
  }

  /** True at or over the bound: offer nothing and read nothing until there is room. */
  get isFull(): boolean {
    return this.bytes >= this.#bytesMax;
  }

  /** Takes a unit if there is room for it: whoever has none catches up by pages. An empty outbox takes any unit. */
  offer(bytes: Uint8Array): boolean {
    const queued = this.bytes;
    if (queued > 0 && queued + bytes.byteLength > this.#bytesMax) return false;
    this.push(bytes);
    return true;
  }

  /** Takes a message of any size unless the outbox is full: for senders who stop when it is. */
  accept(bytes: Uint8Array): boolean {
    if (this.isFull) return false;
    this.push(bytes);
    return true;
  }

  /** Takes a reply or a push that must not be lost. */
  push(bytes: Uint8Array): void {
    this.#pendingBytes += bytes.byteLength;
    if (this.#first === null) {
      this.#first = bytes;
      this.#owner.dirty(this);
    } else if (this.#others === null) this.#others = [bytes];
    else this.#others.push(bytes);
  }

  /**
   * Ends the tick: writes what was collected, and tells whoever waits for room if that made some. Bytes that the system
   * takes at once never count as queued, so no `drained` follows them. Returns the bytes written.
   */
  endTick(joiner: Joiner): number {
    const wasFull = this.isFull;
    const bytes = this.flush(joiner);
    if (wasFull && !this.isFull) this.#user.drained();
    return bytes;
  }

  /** Writes what was collected. Returns the bytes written. */
  flush(joiner: Joiner): number {
    const first = this.#first;
    const others = this.#others;
    const bytes = this.#pendingBytes;
    if (first === null) return 0;
    this.clear();
    if (others === null) this.#connection.write(first);
    else joiner.write(this.#connection, [first, ...others]);
    this.#heldBackBytes = this.#connection.queuedBytes;
    return bytes;
  }

  /** Forgets what was collected: the connection is gone, or the permission to see it is. */
  clear(): void {
    this.#first = null;
    this.#others = null;
    this.#pendingBytes = 0;
  }
}

/**
 * Writes lists of buffers. Subscribers of the same channels have the same list in a tick: from the second of them on,
 * the list is joined once and the joined buffer shared. A list of its own is written gathered, without a copy.
 */
export class Joiner {
  #list: readonly Uint8Array[] = [];
  #joined: Uint8Array | null = null;

  /** Writes the list to the connection. */
  write(connection: Connection, list: readonly Uint8Array[]): void {
    if (!this.#isSame(list)) {
      this.#list = list;
      this.#joined = null;
      connection.writeAll(list);
      return;
    }
    this.#joined ??= join(list);
    connection.write(this.#joined);
  }

  /** Lets go of the last list: the tick is over. */
  reset(): void {
    this.#list = [];
    this.#joined = null;
  }

  #isSame(list: readonly Uint8Array[]): boolean {
    return list.length === this.#list.length && list.every((buffer, index) => buffer === this.#list[index]);
  }
}

function join(list: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(list.reduce((sum, buffer) => sum + buffer.byteLength, 0));
  let offset = 0;
  for (const buffer of list) {
    joined.set(buffer, offset);
    offset += buffer.byteLength;
  }
  return joined;
}
