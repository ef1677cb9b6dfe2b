import {
  epochChanged,
  reused,
  tooManyIds,
  type AppendRequest,
  type AppendResult,
  type Faults,
  type Idempotency,
} from "@carillon/server/backplane";
import { asSix } from "./head-codec.ts";
import { decodeHashes, decodeId, encodeHashes, encodeIds, hashOf, type IdHash, type RememberedId } from "./id-codec.ts";
import { IdTable } from "./id-table.ts";
import type { StoreParts } from "./channel-table.ts";
import { Kind, kindKey, sixKey } from "./layout.ts";
import { damaged } from "./store-error.ts";
import type { Write } from "./environment.ts";
import type { Head } from "./write-queue.ts";

/** How the memory of ids is bounded. */
export interface IdBounds {
  readonly windowMs: number;
  readonly entries: number;
}

/** The result of an append that was accepted. */
type Accepted = Extract<AppendResult, { ok: true }>;

/** An id whose commit is not done. */
interface Pending {
  readonly remembered: RememberedId;
  /** Those who sent the same again meanwhile. */
  readonly waiting: ((result: AppendResult) => void)[];
}

/** The ids of one commit, from the moment it is decided. */
interface Batch {
  readonly commit: number;
  readonly at: number;
  readonly ids: RememberedId[];
  readonly hashes: IdHash[];
}

interface Expiring {
  readonly commit: number;
  readonly count: number;
  /** Monotonic time at which its ids may be forgotten. */
  readonly untilMs: number;
}

/** Commits whose ids are taken from disk in one go. */
const FORGET_MAX = 256;

/**
 * The memory of publication ids (P3), durable in the same commit as what it remembers: within the window, the same id
 * in the same scope gets the first result, across restarts too. In memory are only hashes; what stands behind one is
 * read when a hash comes again. A repetition of a publish that is not durable yet waits for it.
 */
export class IdMemory {
  readonly #parts: StoreParts;
  readonly #faults: Faults;
  readonly #bounds: IdBounds;
  readonly #table = new IdTable();
  readonly #pending = new Map<string, Pending>();
  readonly #expiring: Expiring[] = [];
  #expiringFirst = 0;
  #commit = 0;
  #batch: { readonly layer: object; readonly batch: Batch } | null = null;

  /** Reads the ids that are still within the window. Throws a `StoreError` when the file is damaged. */
  constructor(parts: StoreParts, faults: Faults, bounds: IdBounds) {
    this.#parts = parts;
    this.#faults = faults;
    this.#bounds = bounds;
    this.#restore();
  }

  /** How many ids are remembered. */
  get size(): number {
    return this.#table.size + this.#pending.size;
  }

  /**
   * The answer to an attempt that must not be appended: the first result, or a refusal. `"later"`: the first attempt
   * is on its way to the disk, and its result will be given to `request.done`. Null: append it.
   */
  check(request: AppendRequest, idempotency: Idempotency): AppendResult | "later" | null {
    if (this.#faults.has("no-dedup")) return null;
    const key = keyOf(request, idempotency);
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      if (pending.remembered.fingerprint !== idempotency.fingerprint) return reused(request.id);
      pending.waiting.push(request.done);
      return "later";
    }
    const known = this.#find(key);
    if (known !== null) {
      if (known.fingerprint !== idempotency.fingerprint) return reused(request.id);
      return { ok: true, pos: known.pos, at: known.at, duplicate: true };
    }
    const { resend } = idempotency;
    const { state, ports } = this.#parts;
    const isLate = resend !== null && resend.at <= ports.wallMs() - this.#bounds.windowMs;
    if (resend !== null && (resend.epoch !== state.idsEpoch || isLate)) return epochChanged();
    return this.size >= this.#bounds.entries ? tooManyIds() : null;
  }

  /** Remembers an append that was decided, with what is being decided now. */
  remember(request: AppendRequest, idempotency: Idempotency, { pos, at }: Accepted): void {
    const key = keyOf(request, idempotency);
    const remembered: RememberedId = { key, fingerprint: idempotency.fingerprint, pos, at };
    const { ids, hashes } = this.#open();
    ids.push(remembered);
    hashes.push(hashOf(this.#parts.ports.hash(key)));
    this.#pending.set(key, { remembered, waiting: [] });
  }

  /** Forgets what is over the window, in memory at once and on disk with the next commit. */
  expire(): void {
    const now = this.#parts.ports.monotonicMs();
    const { queue } = this.#parts;
    for (let count = 0; count < FORGET_MAX; count++) {
      const oldest = this.#expiring[this.#expiringFirst];
      if (oldest === undefined || oldest.untilMs > now) break;
      this.#table.removeOldest(oldest.count);
      queue.write(sixKey(Kind.hashes, oldest.commit), null);
      queue.write(sixKey(Kind.ids, oldest.commit), null);
      this.#expiringFirst++;
    }
    if (this.#expiringFirst * 2 > this.#expiring.length) this.#expiring.splice(0, this.#expiringFirst);
    if (this.#expiring.length === 0 || this.#expiring[0] === undefined) this.#expiringFirst = 0;
  }

  #find(key: string): RememberedId | null {
    const { high, low } = hashOf(this.#parts.ports.hash(key));
    for (const { commit, index } of this.#table.find(high, low)) {
      const value = this.#parts.queue.get(sixKey(Kind.ids, commit));
      const found = value === undefined ? null : decodeId(value, index);
      if (found === null) throw damaged("a publication id that should be there is missing");
      if (found.key === key) return found;
    }
    return null;
  }

  /** The batch of the layer that is open, which begins with its first id. */
  #open(): Batch {
    const { queue, ports } = this.#parts;
    if (this.#batch !== null && this.#batch.layer === queue.layer) return this.#batch.batch;
    const batch: Batch = { commit: ++this.#commit, at: asSix(ports.wallMs()), ids: [], hashes: [] };
    this.#batch = { layer: queue.layer, batch };
    queue.touch(this.#head(batch));
    return batch;
  }
}
