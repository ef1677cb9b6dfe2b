import { tooManyCredentials, type Answer, type Ports, type TicketStore, type Timer } from "@carillon/server/backplane";
import { unavailable } from "./channel.ts";
import { parseJson } from "./json.ts";
import type { StoreClock } from "./store-clock.ts";
import { Trouble } from "./store-error.ts";
import type { StreamSet } from "./stream-set.ts";
import type { Stream } from "./stream.ts";
import type { Names } from "./subject.ts";

/** Credentials over their time are deleted at least so often. */
const SWEEP_MS = 5_000;
const NO_ROOM = "maximum messages exceeded";

/** What was read here lately, and is about to be exchanged or taken. */
const READ_MAX = 10_000;

/** A credential as it is kept, as far as this node knows. */
interface Known {
  readonly seq: number;
  readonly value: string;
  /** Store time. */
  readonly until: number;
  /** The connection that said so: another one may lead to a store that was put back, and uses sequences again. */
  readonly turn: number;
}

/** What the tickets need of their store. */
export interface TicketContext {
  readonly ports: Ports;
  readonly names: Names;
  readonly streams: StreamSet;
  readonly clock: StoreClock;
  /** Changes whenever the connection to NATS breaks. */
  readonly turn: () => number;
  /** Credentials at most, over all nodes. */
  readonly ticketsMax: number;
  /** How long credentials commonly last; what lasts longer makes the stream keep for longer. */
  readonly ttlMs: number;
}

/**
 * Credentials and revocations: a subject for each, with one message. Taking one is reading it and deleting what was read:
 * of any number of takers, on any node, NATS tells exactly one that it was the one who deleted it. Coming back costs a
 * read, a put, an exchange and a deletion: what was read or put here is not read again, since both of the last two name
 * the message that they were judged by, and come to nothing if it is not there any more.
 */
export class NatsTickets implements TicketStore {
  readonly #context: TicketContext;
  /** What this node has put, and when it ends: NATS 2.9 has one age for a stream, not one for each message. */
  readonly #ends = new Map<string, Known>();
  /** What others have put and this node has read, oldest first. */
  readonly #read = new Map<string, Known>();
  #ageMs: number;
  #revocationAgeMs: number;
  #sweep: Timer | null = null;
  #isClosed = false;

  constructor(context: TicketContext) {
    this.#context = context;
    this.#ageMs = context.ttlMs;
    this.#revocationAgeMs = context.ttlMs;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    void answer(this.#put(key, value, ttlMs), done);
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    void answer(this.#take(key), done);
  }

  read(key: string, done: (answer: Answer<string | null>) => void): void {
    void answer(this.#look(key), done);
  }

  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void {
    void answer(this.#swap(key, before, value, ttlMs), done);
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    void answer(this.#revoke(user, ttlMs), done);
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    void answer(this.#revokedAt(user), done);
  }

  /** Makes sure that the streams are there. */
  async open(): Promise<void> {
    await Promise.all([this.#credentials(), this.#revocations()]);
  }

  /** Stops the sweep. */
  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
  }

  async #put(key: string, value: string, ttlMs: number): Promise<Answer<null>> {
    this.#ageMs = Math.max(this.#ageMs, ttlMs);
    const stream = await this.#credentials();
    const until = this.#context.clock.now() + ttlMs;
    const turn = this.#context.turn();
    const published = await stream.publish(this.#subject(key), JSON.stringify({ value, until }), null);
    if (!published.ok) {
      if (published.reason.includes(NO_ROOM)) return tooManyCredentials(this.#context.ticketsMax);
      return unavailable("unavailable", `NATS refused a credential: ${published.reason}.`);
    }
    this.#note(key, { seq: published.seq, value, until, turn });
    return { ok: true, value: null };
  }

  async #take(key: string): Promise<Answer<string | null>> {
    const stream = await this.#credentials();
    const known = this.#known(key);
    // Only this node's notes of it; another's go when its time is over.
    this.#forget(key);
    if (known !== null && (await stream.delete(known.seq, false))) return { ok: true, value: this.#valueOf(known) };
    const kept = await this.#kept(stream, key);
    if (kept === null || !(await stream.delete(kept.seq, false))) return { ok: true, value: null };
    return { ok: true, value: this.#valueOf(kept) };
  }

  async #look(key: string): Promise<Answer<string | null>> {
    const kept = await this.#kept(await this.#credentials(), key);
    if (kept === null) return { ok: true, value: null };
    const [oldest] = this.#read.keys();
    if (this.#read.size >= READ_MAX && oldest !== undefined) this.#read.delete(oldest);
    this.#read.set(key, kept);
    return { ok: true, value: this.#valueOf(kept) };
  }

  async #swap(key: string, before: string, value: string, ttlMs: number): Promise<Answer<boolean>> {
    this.#ageMs = Math.max(this.#ageMs, ttlMs);
    const stream = await this.#credentials();
    const known = this.#known(key);
    this.#read.delete(key);
    if (known !== null && this.#valueOf(known) === before) {
      const exchanged = await this.#exchange(stream, key, known, { value, ttlMs });
      if (!exchanged.ok || exchanged.value) return exchanged;
    }
    const kept = await this.#kept(stream, key);
    if (kept === null || this.#valueOf(kept) !== before) return { ok: true, value: false };
    return this.#exchange(stream, key, kept, { value, ttlMs });
  }

  /** Puts a credential in the place of another. What was taken or exchanged since has another sequence, or none. */
  async #exchange(
    stream: Stream,
    key: string,
    before: Known,
    { value, ttlMs }: { readonly value: string; readonly ttlMs: number },
  ): Promise<Answer<boolean>> {
    const until = this.#context.clock.now() + ttlMs;
    const turn = this.#context.turn();
    const published = await stream.publish(this.#subject(key), JSON.stringify({ value, until }), before.seq);
    if (!published.ok) {
      if (published.reason === "sequence") return { ok: true, value: false };
      return unavailable("unavailable", `NATS refused a credential: ${published.reason}.`);
    }
    this.#note(key, { seq: published.seq, value, until, turn });
    return { ok: true, value: true };
  }

  /** What NATS has under a key. */
  async #kept(stream: Stream, key: string): Promise<Known | null> {
    const turn = this.#context.turn();
    const kept = await stream.get({ last_by_subj: this.#subject(key) });
    if (kept === null) return null;
    const { value, until } = parseJson<Pick<Known, "value" | "until">>(Buffer.from(kept.data).toString());
    return { seq: kept.seq, value, until, turn };
  }

  /** What this node has put, or read, under a key; by now it may be gone, or another. */
  #known(key: string): Known | null {
    const known = this.#ends.get(key) ?? this.#read.get(key);
    return known !== undefined && known.turn === this.#context.turn() ? known : null;
  }

  #note(key: string, known: Known): void {
    // Deleted first, which keeps the map in order of time.
    this.#forget(key);
    this.#ends.set(key, known);
    this.#sweepLater();
  }

  #forget(key: string): void {
    this.#ends.delete(key);
    this.#read.delete(key);
  }

  /** What a credential says, null when its time is over. */
  #valueOf({ value, until }: Known): string | null {
    return until > this.#context.clock.now() ? value : null;
  }

  async #revoke(user: string, ttlMs: number): Promise<Answer<null>> {
    this.#revocationAgeMs = Math.max(this.#revocationAgeMs, ttlMs);
    const stream = await this.#revocations();
    const at = this.#context.clock.now();
    const published = await stream.publish(this.#userSubject(user), JSON.stringify({ at, until: at + ttlMs }), null);
    return published.ok
      ? { ok: true, value: null }
      : unavailable("unavailable", `NATS refused a revocation: ${published.reason}.`);
  }

  async #revokedAt(user: string): Promise<Answer<{ readonly revokedAt: number; readonly now: number }>> {
    const stream = await this.#revocations();
    const kept = await stream.get({ last_by_subj: this.#userSubject(user) });
    const now = this.#context.clock.now();
    if (kept === null) return { ok: true, value: { revokedAt: 0, now } };
    const { at, until } = parseJson<{
      readonly at: number;
      readonly until: number;
    }>(Buffer.from(kept.data).toString());
    return { ok: true, value: { revokedAt: until > now ? at : 0, now } };
  }

  #credentials(): Promise<Stream> {
    const { names, streams, ticketsMax } = this.#context;
    const bounds = { maxAgeMs: this.#ageMs, maxMessages: ticketsMax, perSubject: 1 };
    return streams.plain(names.tickets, `${names.prefix}.ticket.*`, bounds);
  }

  #revocations(): Promise<Stream> {
    const { names, streams } = this.#context;
    return streams.plain(names.revocations, `${names.prefix}.revoked.*`, {
      maxAgeMs: this.#revocationAgeMs,
      perSubject: 1,
    });
  }

  #subject(key: string): string {
    return this.#context.names.plain("ticket", key);
  }

  /** Ids of users are of any length and alphabet; their hash is of one. */
  #userSubject(user: string): string {
    const { names, ports } = this.#context;
    return names.plain("revoked", ports.hash(user));
  }

  #sweepLater(): void {
    if (this.#sweep !== null || this.#isClosed) return;
    this.#sweep = this.#context.ports.after(SWEEP_MS, () => {
      this.#sweep = null;
      void this.#deleteOver();
    });
  }

  async #deleteOver(): Promise<void> {
    const now = this.#context.clock.now();
    try {
      const stream = await this.#credentials();
      for (const [key, { seq, until, turn }] of this.#ends) {
        if (until > now) continue;
        // Of a store that may have been put back since, the message may be another by now: it goes by its age.
        if (turn === this.#context.turn()) await stream.delete(seq, false);
        this.#ends.delete(key);
      }
    } catch {
      // The next sweep finds them again, and the stream's own age is the last resort.
    }
    if (this.#ends.size > 0) this.#sweepLater();
  }
}

/** Answers with what comes of it; what can't be reached is a failure, and never opens a door. */
async function answer<T>(work: Promise<Answer<T>>, done: (answer: Answer<T>) => void): Promise<void> {
  const [ended] = await Promise.allSettled([work]);
  if (ended.status === "fulfilled") return done(ended.value);
  const error: unknown = ended.reason;
  done(
    error instanceof Trouble
      ? unavailable(error.kind, error.message)
      : unavailable("internal", "The store failed; the server's log says how."),
  );
}
