import type { AppendRequest } from "@carillon/server/backplane";
import type { IdKey, RememberedId } from "./block.ts";

/** The publication ids of one channel that this node remembers, by scope and id. */
export type ChannelIds = Map<string, RememberedId>;

/**
 * The part of the memory of publication ids (P3) that this node holds: those of the channels that it publishes to. The
 * memory itself is in the blocks, so it outlives nodes; what is bounded here is how much of it one node holds at once.
 */
export class IdMemory {
  readonly #channels = new Set<ChannelIds>();
  readonly #windowMs: number;
  readonly #entriesMax: number;
  #size = 0;
  #reserved = 0;

  constructor(bounds: { readonly windowMs: number; readonly entries: number }) {
    this.#windowMs = bounds.windowMs;
    this.#entriesMax = bounds.entries;
  }

  /** Milliseconds for which an id is remembered. */
  get windowMs(): number {
    return this.#windowMs;
  }

  /** Begins to remember ids of a channel. */
  open(): ChannelIds {
    const ids: ChannelIds = new Map();
    this.#channels.add(ids);
    return ids;
  }

  /** Lets go of a channel's ids; they are still in its blocks. */
  close(ids: ChannelIds): void {
    if (this.#channels.delete(ids)) this.#size -= ids.size;
  }

  /** Remembers a result. */
  remember(ids: ChannelIds, remembered: RememberedId): void {
    const key = idKey(remembered.scope, remembered.id);
    const known = ids.get(key);
    // An id may be used again once its window is over; then the later result counts.
    if (known !== undefined && known.at >= remembered.at) return;
    ids.delete(key);
    ids.set(key, remembered);
    if (known === undefined && this.#channels.has(ids)) this.#size++;
  }

  /** What is remembered of an id, if its window is not over. */
  find(ids: ChannelIds, key: string, now: number): RememberedId | null {
    const known = ids.get(key);
    return known === undefined || known.at + this.#windowMs <= now ? null : known;
  }

  /** Reserves room for one more id; false if there is none. Ids that are about to be stored count already. */
  reserve(now: number): boolean {
    if (this.#size + this.#reserved >= this.#entriesMax) this.expire(now);
    if (this.#size + this.#reserved >= this.#entriesMax) return false;
    this.#reserved++;
    return true;
  }

  /** Gives back what was reserved. */
  release(count: number): void {
    this.#reserved -= count;
  }

  /** Forgets what is over its window. Ids of a channel came in the order of their time. */
  expire(now: number): void {
    for (const ids of this.#channels) {
      for (const [key, { at }] of ids) {
        if (at + this.#windowMs > now) break;
        ids.delete(key);
        this.#size--;
      }
    }
  }
}

/** The key of an id within its channel. */
export function idKey(scope: string, id: string): string {
  // Neither contains a line break, so the parts can't run into each other.
  return `${scope}\n${id}`;
}

/** The idempotency key of a request as it is stored. */
export function keyOf({ idempotency }: AppendRequest): IdKey | null {
  return idempotency === null ? null : { scope: idempotency.scope, fingerprint: idempotency.fingerprint };
}
