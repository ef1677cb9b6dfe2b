import type { Faults } from "../core/faults.ts";
import type { Ports } from "../core/ports.ts";
import type { AppendRequest, AppendResult, Idempotency } from "./channel-store.ts";
import { epochChanged, reused, tooManyIds } from "./failures.ts";
import { formatPlace, type Place } from "./position.ts";
import { Ring } from "./ring.ts";

/** Where a publication went, and when. */
export interface Landed {
  /** Shared with the log, which keeps it as well: what is kept of each publication is what a publish costs in the end. */
  readonly place: Place;
  readonly at: number;
}

interface Remembered extends Landed {
  readonly key: string;
  readonly fingerprint: string;
  readonly until: number;
}

/**
 * The memory of publication ids (P3): within the window, the same id in the same scope gets the first result. Bounded
 * by refusing new ids, never by forgetting early: a forgotten id would be appended twice.
 */
export class PublicationIds {
  /** Identity of this memory. A client that attempted a publish under another must not send it again. */
  readonly epoch: string;
  readonly #remembered = new Map<string, Remembered>();
  /**
   * The same, the oldest first. A map has this order as well, but keeps the places of what was deleted for a while: to find
   * its first entry takes time in their number, which with a full window was more than all the rest of a publish.
   */
  readonly #byAge = new Ring<Remembered>();
  readonly #ports: Ports;
  readonly #faults: Faults;
  readonly #windowMs: number;
  readonly #entriesMax: number;

  constructor(ports: Ports, faults: Faults, bounds: { readonly windowMs: number; readonly entries: number }) {
    this.#ports = ports;
    this.#faults = faults;
    this.#windowMs = bounds.windowMs;
    this.#entriesMax = bounds.entries;
    this.epoch = ports.id();
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#remembered.size;
  }

  /** The answer to an attempt that must not be appended: the first result, or a refusal. Null: append it. */
  check(key: string, id: string, idempotency: Idempotency): AppendResult | null {
    this.#expire();
    if (this.#faults.has("no-dedup")) return null;
    const known = this.#remembered.get(key);
    if (known !== undefined) {
      const { fingerprint, place, at } = known;
      return fingerprint === idempotency.fingerprint
        ? { ok: true, pos: formatPlace(place), at, duplicate: true }
        : reused(id);
    }
    const { resend } = idempotency;
    const isLate = resend !== null && resend.at <= this.#ports.wallMs() - this.#windowMs;
    if (resend !== null && (resend.epoch !== this.epoch || isLate)) return epochChanged();
    if (this.#remembered.size >= this.#entriesMax) return tooManyIds();
    return null;
  }

  /** Remembers an accepted append. */
  remember(key: string, { fingerprint }: Idempotency, { place, at }: Landed): void {
    const until = this.#ports.monotonicMs() + this.#windowMs;
    const remembered = { key, fingerprint, place, at, until };
    this.#remembered.set(key, remembered);
    this.#byAge.push(remembered);
  }

  #expire(): void {
    const now = this.#ports.monotonicMs();
    for (let oldest = this.#byAge.first; oldest !== undefined && oldest.until <= now; oldest = this.#byAge.first) {
      this.#byAge.shift();
      this.#remembered.delete(oldest.key);
    }
  }
}

/** What stands for a publication id in its scope and channel. */
export function idKey({ channel, id }: Pick<AppendRequest, "channel" | "id">, { scope }: Idempotency): string {
  // Channel names and ids contain no line break, so the parts can't run into each other. Joined and not added up: the
  // engine would keep a sum as a tree of its parts, four times as large, for as long as the window.
  return [channel, scope, id].join("\n");
}
