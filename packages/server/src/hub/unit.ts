import type { Position } from "@carillon/protocol";
import type { ChannelRecord } from "../backplane/records.ts";
import type { Group } from "./group.ts";

/** Settings of a {@link Unit}. */
export interface UnitContent {
  readonly channel: string;
  /** Position before the first record; null inside a snapshot. */
  readonly prev: Position | null;
  /** Position after the last record; null inside a snapshot, but for its last unit. */
  readonly pos: Position | null;
  readonly records: readonly ChannelRecord[];
  /** A snapshot starts here. */
  readonly reset: boolean;
}

/**
 * The prepared bytes of one stretch of one channel: a tick of live items, or a page. Nothing per connection enters it,
 * so that everyone in a group is sent the same memory.
 */
export class Unit {
  readonly content: UnitContent;
  // Nearly every unit meets one group, so the first pair is kept outside of the map.
  #group: Group | null = null;
  #bytes: Uint8Array | null = null;
  #others: Map<Group, Uint8Array> | null = null;

  constructor(content: UnitContent) {
    this.content = content;
  }

  /** The bytes for a group, encoded at the first call. */
  bytes(group: Group): Uint8Array {
    if (this.#group === group && this.#bytes !== null) return this.#bytes;
    const known = this.#others?.get(group);
    if (known !== undefined) return known;
    const bytes = group.encode(this);
    if (this.#group === null) {
      this.#group = group;
      this.#bytes = bytes;
    } else {
      this.#others ??= new Map();
      this.#others.set(group, bytes);
    }
    return bytes;
  }
}
