import {
  BatchOrder,
  epochChanged,
  formatPlace,
  notYourPublication,
  reused,
  tooManyIds,
  unknownPublication,
  type AppendRequest,
  type AppendResult,
  type Failure,
  type LogRecord,
  type Place,
  type Ports,
} from "@carillon/server/backplane";
import type { LogBlock, RememberedId, StoredRecord } from "./block.ts";
import { idKey, keyOf, type IdMemory } from "./id-memory.ts";
import { tagged } from "./log-assembly.ts";
import type { LogReplica, Target } from "./log-replica.ts";

/** What a draft needs of its store. */
export interface DraftContext {
  readonly ports: Ports;
  readonly ids: IdMemory;
  readonly idempotencyEpoch: string;
  /** Store time, not before the channel's latest. */
  readonly now: number;
  readonly isDedupOff: boolean;
}

/**
 * One block of a log in the making: requests judged by the replica and by what is in the block before them. Nothing of it
 * is true before the block is stored; if it is not, because another node was first, the replica has not changed and the
 * requests are judged again.
 */
export class LogDraft {
  readonly results: AppendResult[] = [];
  /** True: something reads as erased afterwards that is stored elsewhere. */
  hasErasure = false;
  readonly #replica: LogReplica;
  readonly #context: DraftContext;
  readonly #nonce: string;
  readonly #start: Place;
  readonly #records: StoredRecord[] = [];
  readonly #ids = new Map<string, RememberedId>();
  readonly #targets = new Map<string, Target>();
  readonly #order = new BatchOrder();
  #place: Place;
  #reserved = 0;

  constructor(replica: LogReplica, context: DraftContext) {
    this.#replica = replica;
    this.#context = context;
    this.#nonce = context.ports.id();
    this.#start = replica.place;
    this.#place = replica.place;
  }

  /** True: nothing is to be stored. */
  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  /** Judges one request, and takes it into the block if it is good. */
  add(request: AppendRequest): void {
    this.results.push(this.#order.run(request, (next) => this.#append(next)) ?? unreachable());
  }

  /** Room for ids that was reserved; to be given back once the block is stored, and they are remembered, or it is not. */
  get reserved(): number {
    return this.#reserved;
  }

  /** The block to store. */
  block(): LogBlock {
    const { epoch, offset, tag } = this.#start;
    const own = { nonce: this.#nonce, offset, tag, records: this.#records };
    const { now: at } = this.#context;
    const after = this.#replica.nonce;
    return { kind: "log", epoch, nonce: this.#nonce, after, at, isBirth: false, own, carried: [], ids: [] };
  }

  #append(request: AppendRequest): AppendResult {
    const earlier = this.#check(request);
    if (earlier !== null) return earlier;
    const record = this.#record(request);
    if ("ok" in record) return record;
    this.#place = tagged(this.#place, this.#nonce, record, this.#context.ports);
    const key = keyOf(request);
    this.#records.push({ record, key });
    this.#aim(record);
    const pos = formatPlace(this.#place);
    const { at } = record;
    if (key !== null) this.#ids.set(idKey(key.scope, request.id), { ...key, id: request.id, pos, at });
    return { ok: true, pos, at, duplicate: false };
  }

  /** The answer to an attempt that must not be appended. Null: append it. */
  #check({ id, idempotency }: AppendRequest): AppendResult | null {
    if (idempotency === null || this.#context.isDedupOff) return null;
    const { ids, now, idempotencyEpoch } = this.#context;
    const key = idKey(idempotency.scope, id);
    const known = this.#ids.get(key) ?? ids.find(this.#replica.ids, key, now);
    if (known !== null) {
      const { fingerprint, pos, at } = known;
      return fingerprint === idempotency.fingerprint ? { ok: true, pos, at, duplicate: true } : reused(id);
    }
    const { resend } = idempotency;
    const isLate = resend !== null && resend.at <= now - ids.windowMs;
    if (resend !== null && (resend.epoch !== idempotencyEpoch || isLate)) return epochChanged();
    if (!ids.reserve(now)) return tooManyIds();
    this.#reserved++;
    return null;
  }

  #record(request: AppendRequest): LogRecord | Failure {
    const { id, data, publisher, tags, meta, version, amend } = request;
    const at = this.#context.now;
    if (amend === null) {
      // Amendments name publications by id, so an id stands for one publication among the retained ones.
      if (this.#target(id, request) !== null && !this.#context.isDedupOff) return reused(id);
      const expires = request.expiresInMs === 0 ? 0 : at + request.expiresInMs;
      return { kind: "publication", id, at, data, publisher, tags, meta, expires, version };
    }
    const target = this.#target(amend.target, request);
    if (target === null) return unknownPublication(amend.target);
    if (amend.onlyBy !== null && target.publisher?.user !== amend.onlyBy) return notYourPublication();
    if (data === null) this.hasErasure = true;
    return { kind: "amend", id, amend: amend.target, at, data, publisher, expires: target.expires, version };
  }

  /** What stands for a publication, if any of its copies is retained. */
  #target(id: string, { options }: AppendRequest): Target | null {
    const drafted = this.#targets.get(id);
    const target = drafted ?? this.#replica.target(id);
    const last = target?.offsets.at(-1);
    if (target === undefined || last === undefined) return null;
    return this.#replica.isRetained(last, options, this.#place.offset) ? target : null;
  }

  /** The newest record is a copy of what it publishes or amends. */
  #aim(record: LogRecord): void {
    const id = record.kind === "amend" ? record.amend : record.id;
    const known = this.#targets.get(id) ?? (record.kind === "amend" ? this.#replica.target(id) : undefined);
    const { publisher, expires } = known ?? record;
    this.#targets.set(id, { publisher, expires, offsets: [...(known?.offsets ?? []), this.#place.offset] });
  }
}

function unreachable(): never {
  throw new Error("Expected a result of every request.");
}
