import type { Unit } from "./unit.ts";

/**
 * Subscribers that can be sent the same bytes: same codec, same framing, same compression. A unit is encoded once per
 * group, whatever the number of subscribers. Compared by identity, so a gateway makes its group once.
 */
export interface Group {
  /** For logs. */
  readonly name: string;
  /** Whole frames, ready for the socket. Empty: this group is not sent this unit, but its position moves on. */
  encode(unit: Unit): Uint8Array;
}
