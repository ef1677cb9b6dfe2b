import { tooManyCredentials, type Answer, type Failure, type TicketStore } from "@carillon/server/backplane";
import { ByteReader, textBound } from "./bytes.ts";
import { broken, type StoreParts } from "./channel-table.ts";
import { asSix } from "./head-codec.ts";
import { Kind, kindKey, nextKey, PRESENT, sixAt, sixKey, textAt, textKey, type Key } from "./layout.ts";

/** A credential at rest: `until 6 │ value`. */
interface Kept {
  readonly until: number;
  readonly value: string;
}

/** What a credential has beside its value. */
const FIXED_BYTES = 16;

/**
 * Credentials in a folder: who was let in comes back after a restart, and what was taken stays taken. The wall clock
 * decides, as nothing else outlives the process.
 */
export class LmdbTickets implements TicketStore {
  readonly #parts: StoreParts;
  readonly #entriesMax: number;
  #nextRevocation: Key = kindKey(Kind.revocation);

  constructor(parts: StoreParts, entriesMax: number) {
    this.#parts = parts;
    this.#entriesMax = entriesMax;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    this.#change(done, () => {
      const { state } = this.#parts;
      const earlier = this.#kept(key);
      if (earlier === null && state.credentials >= this.#entriesMax) return tooManyCredentials(this.#entriesMax);
      this.#write(key, earlier, value, ttlMs);
      return null;
    });
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    let taken: string | null = null;
    this.#change(
      (answer) => done(answer.ok ? { ok: true, value: taken } : answer),
      () => {
        // Whoever asks next sees it gone already, though the disk does not know yet: one taker gets it.
        const kept = this.#kept(key);
        if (kept === null) return null;
        this.#remove(key, kept);
        if (kept.until > this.#parts.ports.wallMs()) taken = kept.value;
        return null;
      },
    );
  }

  read(key: string, done: (answer: Answer<string | null>) => void): void {
    let value: string | null = null;
    this.#change(
      // Answered like a change, behind what it may have seen that is not on the disk yet.
      (answer) => done(answer.ok ? { ok: true, value } : answer),
      () => {
        const kept = this.#kept(key);
        if (kept !== null && kept.until > this.#parts.ports.wallMs()) ({ value } = kept);
        return null;
      },
    );
  }

  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void {
    let isSame = false;
    this.#change(
      (answer) => done(answer.ok ? { ok: true, value: isSame } : answer),
      () => {
        const kept = this.#kept(key);
        isSame = kept !== null && kept.value === before && kept.until > this.#parts.ports.wallMs();
        if (isSame) this.#write(key, kept, value, ttlMs);
        return null;
      },
    );
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    this.#change(done, () => {
      const { queue, writer, ports } = this.#parts;
      const at = asSix(ports.wallMs());
      writer.begin(FIXED_BYTES);
      writer.six(at);
      writer.six(asSix(at + ttlMs));
      queue.write(textKey(Kind.revocation, user), writer.end());
      return null;
    });
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    const { queue, ports } = this.#parts;
    let answer: Answer<{ readonly revokedAt: number; readonly now: number }>;
    try {
      // A revocation counts as soon as it was asked for: erring this way costs its user a new ticket.
      const value = queue.get(textKey(Kind.revocation, user));
      const now = asSix(ports.wallMs());
      answer = { ok: true, value: { revokedAt: value === undefined ? 0 : new ByteReader(value).six(), now } };
    } catch (error) {
      answer = broken(error);
    }
    done(answer);
  }

  /** Takes away what is over its time. At most `limit`; returns how many. */
  expire(limit: number): number {
    const { environment, queue, ports } = this.#parts;
    const end = sixKey(Kind.expiry, asSix(ports.wallMs()) + 1);
    const due = environment.keys({ start: kindKey(Kind.expiry), end, limit });
    for (const key of due) {
      const name = textAt(key, 7);
      const kept = this.#kept(name);
      if (kept !== null && kept.until === sixAt(key, 1)) this.#remove(name, kept);
      else queue.write(key, null);
    }
    this.#expireRevocations(limit);
    return due.length;
  }

  /** Looks at some revocations at a time, one after the other and around. */
  #expireRevocations(limit: number): void {
    const { environment, queue, ports } = this.#parts;
    const end = kindKey(Kind.revocation + 1);
    const seen = [...environment.range({ start: this.#nextRevocation, end, limit })];
    for (const { key, value } of seen) {
      const reader = new ByteReader(value);
      reader.six();
      if (reader.six() <= ports.wallMs()) queue.write(key, null);
    }
    const last = seen.length === limit ? seen.at(-1) : undefined;
    this.#nextRevocation = last === undefined ? kindKey(Kind.revocation) : nextKey(last.key);
  }

  #write(key: string, earlier: Kept | null, value: string, ttlMs: number): void {
    const { queue, writer, state, ports } = this.#parts;
    const until = asSix(ports.wallMs() + ttlMs);
    writer.begin(FIXED_BYTES + textBound(value));
    writer.six(until);
    writer.rest(value);
    const kept = writer.end();
    if (earlier === null) state.countCredentials(1);
    else queue.write(sixKey(Kind.expiry, earlier.until, key), null);
    queue.write(textKey(Kind.credential, key), kept);
    queue.write(sixKey(Kind.expiry, until, key), PRESENT);
  }

  #remove(key: string, kept: Kept): void {
    const { queue, state } = this.#parts;
    state.countCredentials(-1);
    queue.write(textKey(Kind.credential, key), null);
    queue.write(sixKey(Kind.expiry, kept.until, key), null);
  }

  #kept(key: string): Kept | null {
    const value = this.#parts.queue.get(textKey(Kind.credential, key));
    if (value === undefined) return null;
    const reader = new ByteReader(value);
    const until = reader.six();
    return { until, value: reader.restText() };
  }

  /** Does the work and answers once it is durable. */
  #change(done: (answer: Answer<null>) => void, work: () => Failure | null): void {
    const { queue } = this.#parts;
    let failure: Failure | null;
    try {
      failure = queue.refusal ?? work();
    } catch (error) {
      failure = broken(error);
    }
    if (failure !== null) return done(failure);
    queue.settled((failed) => done(failed ?? { ok: true, value: null }));
    queue.split();
  }
}
