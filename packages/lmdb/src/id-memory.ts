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
    if (this.#expiringFirst * 2 <= this.#expiring.length) return;
    this.#expiring.splice(0, this.#expiringFirst);
    this.#expiringFirst = 0;
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
    let pendings: readonly Pending[] = [];
    queue.touch({
      seal: () => this.#seal(batch),
      stored: () => {
        pendings = this.#take(batch);
        this.#add(batch.commit, batch.hashes, ports.monotonicMs() + this.#bounds.windowMs);
      },
      dropped: () => {
        pendings = this.#take(batch);
      },
    });
    queue.settled((failure) => {
      for (const { remembered, waiting } of pendings) {
        const { pos, at } = remembered;
        for (const done of waiting) done(failure ?? { ok: true, pos, at, duplicate: true });
      }
    });
    return batch;
  }

  #seal({ commit, at, ids, hashes }: Batch): readonly Write[] {
    const { writer } = this.#parts;
    return [
      { key: sixKey(Kind.hashes, commit), value: encodeHashes(writer, at, hashes) },
      { key: sixKey(Kind.ids, commit), value: encodeIds(writer, ids) },
    ];
  }

  /** They are no longer under way, however it went. */
  #take({ ids }: Batch): Pending[] {
    return ids.flatMap(({ key }) => {
      const pending = this.#pending.get(key);
      this.#pending.delete(key);
      return pending ?? [];
    });
  }

  #add(commit: number, hashes: readonly IdHash[], untilMs: number): void {
    hashes.forEach(({ high, low }, index) => this.#table.add(high, low, { commit, index }));
    // The first come is the first to go: clocks that were set back must not change that.
    const after = this.#expiring.at(-1)?.untilMs ?? untilMs;
    this.#expiring.push({ commit, count: hashes.length, untilMs: Math.max(untilMs, after) });
  }

  #restore(): void {
    const { environment, ports } = this.#parts;
    const { windowMs } = this.#bounds;
    const now = ports.monotonicMs();
    for (const { key, value } of environment.range({ start: kindKey(Kind.hashes), end: kindKey(Kind.hashes + 1) })) {
      const { at, hashes } = decodeHashes(value);
      const leftMs = Math.min(windowMs, at + windowMs - ports.wallMs());
      this.#commit = Buffer.from(key).readUIntBE(1, 6);
      this.#add(this.#commit, leftMs > 0 ? hashes : [], now + Math.max(0, leftMs));
    }
  }
}

function keyOf({ channel, id }: AppendRequest, { scope }: Idempotency): string {
  // Channel names and ids contain no line break, so the parts can't run into each other.
  return `${channel}\n${scope}\n${id}`;
}
