/**
 * Loads pages of history before the head of a timeline. A page is read at some moment and comes at another: amendments
 * that come in between are kept and applied to it, since they may be newer than the page.
 */
import type { Amendment, AnyChannel, CarillonError, Publication, Tombstone } from "@carillon/client";
import { errorOf } from "./outgoing.ts";
import type { StoredRow, Timeline } from "./timeline.ts";

/** Most amendments kept while a page is on its way; with more, the page is read again. */
const AMENDMENTS_MAX = 1000;

/** What a pager needs of its store. */
export interface PagerHost {
  readonly channel: AnyChannel | null;
  readonly timeline: Timeline;
  /** True while the timeline holds as many rows as it may: a page would go as it comes. */
  readonly isFull: boolean;
  /** Resolves when the timeline has a place to read backwards from; rejects with the reason why it won't. */
  begun(): Promise<void>;
  rowOf(publication: Publication | Tombstone): StoredRow;
  /** Something changed that components see. */
  changed(what: "rows" | "pages"): void;
}

/** Loads pages, one at a time. */
export class HistoryPager {
  readonly #host: PagerHost;
  #loading: Promise<number> | null = null;
  /** By publication: the last says all. */
  readonly #amendments = new Map<string, Amendment>();
  /** Changes when everything is forgotten. */
  #life = 0;
  hasMore = true;
  error: CarillonError | null = null;

  constructor(host: PagerHost) {
    this.#host = host;
  }

  /** True while a page is on its way. */
  get isLoading(): boolean {
    return this.#loading !== null;
  }

  /** Loads at least one row more, if there is one, and `limit` at most. Resolves with how many; never rejects. */
  load(limit: number): Promise<number> {
    if (this.#loading) return this.#loading;
    if (!this.hasMore) return Promise.resolve(0);
    this.error = null;
    const life = this.#life;
    const loading = this.#load(limit, life)
      .catch((cause: unknown) => {
        if (life === this.#life) this.error = errorOf(cause);
        return 0;
      })
      .finally(() => {
        if (this.#loading !== loading) return;
        this.#loading = null;
        this.#amendments.clear();
        this.#host.changed("pages");
      });
    this.#loading = loading;
    this.#host.changed("pages");
    return loading;
  }

  /** An amendment came. */
  amend(amendment: Amendment): void {
    if (this.#loading && this.#amendments.size <= AMENDMENTS_MAX) this.#amendments.set(amendment.id, amendment);
  }

  /** Forgets everything; a page on its way is not taken. */
  reset(): void {
    this.#life++;
    this.#loading = null;
    this.#amendments.clear();
    this.hasMore = true;
    this.error = null;
  }

  async #load(limit: number, life: number): Promise<number> {
    const { channel, timeline } = this.#host;
    await this.#host.begun();
    if (!channel) return 0;
    while (this.hasMore && !this.#host.isFull && life === this.#life) {
      this.#amendments.clear();
      const { head, cursor: before } = timeline;
      const page = await channel.history(before === undefined ? { limit } : { before, limit });
      if (life !== this.#life) return 0;
      // If rows went meanwhile, the page does not end where they begin.
      if (head !== timeline.head || this.#amendments.size > AMENDMENTS_MAX) continue;
      const count = timeline.prepend(
        page.items.map((item) => this.#host.rowOf(item)),
        page.prev,
      );
      for (const amendment of this.#amendments.values()) timeline.amend(amendment);
      this.hasMore = page.more;
      this.#host.changed("rows");
      // A page may hold nothing but rows that stand already.
      if (count) return count;
    }
    return 0;
  }
}
