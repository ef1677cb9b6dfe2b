import type { Ports, Timer } from "../core/ports.ts";
import type { Answer } from "./channel-store.ts";
import { tooManyCredentials } from "./failures.ts";
import type { TicketStore } from "./ticket-store.ts";

interface Kept {
  readonly value: string;
  readonly until: number;
}

/** How often expired credentials are let go of. */
const SWEEP_MS = 10_000;

/** Credentials of one node, in its memory: after a restart every client needs a new ticket. */
export class MemoryTickets implements TicketStore {
  readonly #kept = new Map<string, Kept>();
  readonly #revocations = new Map<string, { readonly at: number; readonly until: number }>();
  readonly #ports: Ports;
  readonly #entriesMax: number;
  #sweep: Timer | null = null;
  #isClosed = false;

  constructor(ports: Ports, entriesMax: number) {
    this.#ports = ports;
    this.#entriesMax = entriesMax;
  }

  put(key: string, value: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    if (this.#kept.size >= this.#entriesMax && !this.#kept.has(key)) return done(tooManyCredentials(this.#entriesMax));
    this.#kept.set(key, { value, until: this.#ports.monotonicMs() + ttlMs });
    this.#sweepLater();
    done({ ok: true, value: null });
  }

  take(key: string, done: (answer: Answer<string | null>) => void): void {
    const value = this.#valueOf(key);
    this.#kept.delete(key);
    done({ ok: true, value });
  }

  read(key: string, done: (answer: Answer<string | null>) => void): void {
    done({ ok: true, value: this.#valueOf(key) });
  }

  swap(key: string, before: string, value: string, ttlMs: number, done: (answer: Answer<boolean>) => void): void {
    const isSame = this.#valueOf(key) === before;
    if (isSame) this.#kept.set(key, { value, until: this.#ports.monotonicMs() + ttlMs });
    done({ ok: true, value: isSame });
  }

  revoke(user: string, ttlMs: number, done: (answer: Answer<null>) => void): void {
    this.#revocations.set(user, { at: this.#ports.wallMs(), until: this.#ports.monotonicMs() + ttlMs });
    this.#sweepLater();
    done({ ok: true, value: null });
  }

  revokedAt(user: string, done: (answer: Answer<{ readonly revokedAt: number; readonly now: number }>) => void): void {
    done({ ok: true, value: { revokedAt: this.#revocations.get(user)?.at ?? 0, now: this.#ports.wallMs() } });
  }

  /** Stops the sweep. */
  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
  }

  #valueOf(key: string): string | null {
    const kept = this.#kept.get(key);
    return kept !== undefined && kept.until > this.#ports.monotonicMs() ? kept.value : null;
  }

  #sweepLater(): void {
    if (this.#sweep !== null || this.#isClosed) return;
    this.#sweep = this.#ports.after(SWEEP_MS, () => {
      this.#sweep = null;
      const now = this.#ports.monotonicMs();
      for (const [key, { until }] of this.#kept) if (until <= now) this.#kept.delete(key);
      for (const [user, { until }] of this.#revocations) if (until <= now) this.#revocations.delete(user);
      if (this.#kept.size + this.#revocations.size > 0) this.#sweepLater();
    });
  }
}
