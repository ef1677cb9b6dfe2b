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
import { idsKey, Kind, kindKey, sixAt, sixKey } from "./layout.ts";
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
interface Pending extends RememberedId {
  readonly hash: IdHash;
  /** Those who sent the same again meanwhile. */
  waiting: ((result: AppendResult) => void)[] | null;
}

/** The ids of one commit, from the moment it is decided. */
interface Batch {
  readonly commit: number;
  readonly at: number;
  readonly ids: Pending[];
}

interface Expiring {
  readonly commit: number;
  /** Its ids in the table. */
  readonly count: number;
  /** Parts in which its ids are on disk. */
  readonly parts: number;
  /** Monotonic time at which its ids may be forgotten. */
  readonly untilMs: number;
}

/** Ids in a part: one of them is found by reading its part, and a client may ask for any. */
const PART_IDS = 64;
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
  /** What `check` has just let pass. */
  #checked: { readonly key: string; readonly hash: IdHash } | null = null;
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
    this.expire();
    if (this.#faults.has("no-dedup")) return null;
    const key = keyOf(request, idempotency);
    const pending = this.#pending.get(key);
    if (pending !== undefined) {
      if (pending.fingerprint !== idempotency.fingerprint) return reused(request.id);
      pending.waiting ??= [];
      pending.waiting.push(request.done);
      return "later";
    }
    this.#checked = this.#hashed(key);
    const known = this.#find(key, this.#checked.hash);
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
    const { fingerprint } = idempotency;
    // It has just been looked for.
    const { key, hash } = this.#checked ?? this.#hashed(keyOf(request, idempotency));
    const pending: Pending = { key, fingerprint, pos, at, hash, waiting: null };
    this.#open().ids.push(pending);
    this.#pending.set(key, pending);
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
      for (let part = 0; part < oldest.parts; part++) queue.write(idsKey(oldest.commit, part), null);
      this.#expiringFirst++;
    }
    if (this.#expiringFirst * 2 <= this.#expiring.length) return;
    this.#expiring.splice(0, this.#expiringFirst);
    this.#expiringFirst = 0;
  }

  #hashed(key: string): { readonly key: string; readonly hash: IdHash } {
    return { key, hash: hashOf(this.#parts.ports.hash(key)) };
  }

  #find(key: string, { high, low }: IdHash): RememberedId | null {
    for (const { commit, index } of this.#table.find(high, low)) {
      const value = this.#parts.queue.get(idsKey(commit, Math.floor(index / PART_IDS)));
      const found = value === undefined ? null : decodeId(value, index % PART_IDS);
      if (found === null) throw damaged("a publication id that should be there is missing");
      if (found.key === key) return found;
    }
    return null;
  }

  /** The batch of the layer that is open, which begins with its first id. */
  #open(): Batch {
    const { queue, ports } = this.#parts;
    if (this.#batch !== null && this.#batch.layer === queue.layer) return this.#batch.batch;
    const batch: Batch = { commit: ++this.#commit, at: asSix(ports.wallMs()), ids: [] };
    this.#batch = { layer: queue.layer, batch };
    queue.touch({
      seal: () => this.#seal(batch),
      stored: () => {
        this.#settle(batch);
        this.#add(
          batch.commit,
          batch.ids.map(({ hash }) => hash),
          partsOf(batch.ids.length),
          ports.monotonicMs() + this.#bounds.windowMs,
        );
      },
      dropped: () => this.#settle(batch),
    });
    queue.settled((failure) => {
      for (const { pos, at, waiting } of batch.ids)
        for (const done of waiting ?? []) done(failure ?? { ok: true, pos, at, duplicate: true });
    });
    return batch;
  }

  #seal({ commit, at, ids }: Batch): readonly Write[] {
    const { writer } = this.#parts;
    const writes: Write[] = [{ key: sixKey(Kind.hashes, commit), value: encodeHashes(writer, at, ids) }];
    for (let part = 0; part < partsOf(ids.length); part++) {
      const some = ids.slice(part * PART_IDS, (part + 1) * PART_IDS);
      writes.push({ key: idsKey(commit, part), value: encodeIds(writer, some) });
    }
    return writes;
  }

  /** They are no longer under way, however it went. */
  #settle({ ids }: Batch): void {
    for (const { key } of ids) this.#pending.delete(key);
  }

  #add(commit: number, hashes: readonly IdHash[], parts: number, untilMs: number): void {
    hashes.forEach(({ high, low }, index) => this.#table.add(high, low, { commit, index }));
    // The first come is the first to go: clocks that were set back must not change that.
    const after = this.#expiring.at(-1)?.untilMs ?? untilMs;
    this.#expiring.push({ commit, count: hashes.length, parts, untilMs: Math.max(untilMs, after) });
  }

  #restore(): void {
    const { environment, ports } = this.#parts;
    const { windowMs } = this.#bounds;
    const now = ports.monotonicMs();
    for (const { key, value } of environment.range({ start: kindKey(Kind.hashes), end: kindKey(Kind.hashes + 1) })) {
      const { at, hashes } = decodeHashes(value);
      const leftMs = Math.min(windowMs, at + windowMs - ports.wallMs());
      this.#commit = sixAt(key, 1);
      this.#add(this.#commit, leftMs > 0 ? hashes : [], partsOf(hashes.length), now + Math.max(0, leftMs));
    }
  }
}

function partsOf(ids: number): number {
  return Math.ceil(ids / PART_IDS);
}

function keyOf({ channel, id }: AppendRequest, { scope }: Idempotency): string {
  // Channel names and ids contain no line break, so the parts can't run into each other.
  return `${channel}\n${scope}\n${id}`;
}
