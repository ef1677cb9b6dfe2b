/**
 * One log channel, as components see it: the subscription, the rows that came, those that history gave, and what is on
 * its way out. All components that use the channel share one store; it starts with the first and ends with the last.
 */
import type { AnyChannel, Publication, PublishOptions, Tombstone } from "@carillon/client";
import type { Publisher } from "@carillon/protocol";
import type { ChannelView, HistoryView, ListItem } from "./face.ts";
import { HistoryPager, type PagerHost } from "./history-pager.ts";
import { Lifeline } from "./lifeline.ts";
import { Notifier } from "./notifier.ts";
import { Outgoing, type OutgoingHost } from "./outgoing.ts";
import { channelOf, isOwnUser, noClient, sameArray, type Shared } from "./shared.ts";
import { followFacts, INITIAL_FACTS, type Facts } from "./subscription-facts.ts";
import { Timeline, type StoredRow } from "./timeline.ts";

/** What one component wants of a log. */
export interface LogWish {
  /** Publications before the place where following begins. */
  readonly history: number;
  /** Most rows of the list. */
  readonly limit: number;
  /** Most rows with what was paged in; 0: it does not page. */
  readonly pagedLimit: number;
}

const nothing = (): void => {};
/** What all publications have in common that are stored. */
const STORED = {
  type: "publication",
  amendedAt: null,
  status: "sent",
  error: null,
  retry: nothing,
  discard: nothing,
} as const;

/** A log channel, shared by components. */
export class LogStore implements OutgoingHost, PagerHost {
  readonly name: string;
  readonly timeline: Timeline = new Timeline();
  /** Changes with every start and stop. */
  life = 0;
  readonly #shared: Shared;
  readonly #notifier: Notifier;
  readonly #lifeline: Lifeline;
  readonly #outgoing: Outgoing;
  readonly #pager: HistoryPager;
  readonly #wishes = new Set<LogWish>();
  #limits = { list: 0, all: 0 };
  #facts: Facts = INITIAL_FACTS;
  #removals: (() => void)[] = [];
  /** Publications that were asked for, from before the place where following began. */
  #asked = 0;
  /** Those of them that the server sends as it subscribes. */
  #replayed = 0;
  #hasBegun = false;
  /** Who waits for the beginning. */
  #waiting: { readonly resolve: () => void; readonly reject: (cause: unknown) => void }[] = [];
  /** Number of the first row that is the list's, not that of pages. */
  #listHead = 0;
  #position: string | null = null;
  readonly #stale = { rows: false, list: false, paging: false };
  #list: ChannelView;
  #paging: HistoryView;
  readonly initialList: ChannelView;
  readonly initialPaging: HistoryView;

  constructor(name: string, shared: Shared) {
    this.name = name;
    this.#shared = shared;
    this.#notifier = new Notifier(shared.frame, () => this.#freeze());
    this.#lifeline = new Lifeline(
      shared.lingerMs,
      () => this.#start(),
      () => this.#stop(),
    );
    this.#outgoing = new Outgoing(this);
    this.#pager = new HistoryPager(this);
    this.#list = this.initialList = {
      name,
      ...INITIAL_FACTS,
      publications: [],
      resubscribe: () => this.#resubscribe(),
      publish: (data: unknown, options: PublishOptions = {}) => this.#outgoing.publish(data, options),
      amend: async (id: string, data: unknown) => this.#client().amend(id, data),
      erase: async (id: string) => this.#client().erase(id),
    };
    this.#paging = this.initialPaging = {
      name,
      publications: [],
      timeline: [],
      offset: 0,
      loadOlder: async () => {},
      hasMore: true,
      isLoading: false,
      error: null,
    };
  }

  get channel(): AnyChannel | null {
    return channelOf(this.#shared, this.name);
  }

  get publisher(): Publisher | undefined {
    const { client } = this.#shared;
    return client?.user && client.instance ? { user: client.user, instance: client.instance } : undefined;
  }

  /** What `useChannel` sees: the same object until it changes. */
  readonly list = (): ChannelView => this.#list;

  /** What `useHistory` sees, but for its page size. */
  readonly paging = (): HistoryView => this.#paging;

  /** Follows the channel for a component. Returns the end of it. */
  watch(wish: LogWish, listener: () => void): () => void {
    this.#wishes.add(wish);
    const unlisten = this.#notifier.listen(listener);
    const letGo = this.#lifeline.hold();
    this.#weigh();
    return () => {
      this.#wishes.delete(wish);
      unlisten();
      letGo();
      this.#weigh();
    };
  }

  /** Loads a page before the oldest row, for a component that wants `limit` rows at most. */
  async loadOlder(pageSize: number, limit: number): Promise<void> {
    // It may ask before its wish counts, which is only when all that mounts with it has mounted.
    this.#limits.all = Math.max(this.#limits.all, limit);
    await this.#pager.load(pageSize);
  }

  // --- what the parts ask ---

  changed(what: "rows" | "list" | "pages" = "rows"): void {
    const stale = this.#stale;
    stale.rows ||= what === "rows";
    stale.list ||= what !== "pages";
    stale.paging ||= what !== "list";
    this.#notifier.changed();
  }

  get isFull(): boolean {
    return this.timeline.end - this.timeline.head >= this.#limits.all;
  }

  begun(): Promise<void> {
    if (this.#hasBegun) return Promise.resolve();
    if (!this.#shared.client) return Promise.reject(noClient());
    if (this.#facts.error && this.#facts.state === "unsubscribed") return Promise.reject(this.#facts.error);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  rowOf(publication: Publication | Tombstone): StoredRow {
    const { id, at, publisher, tags, meta } = publication;
    const isOwn = isOwnUser(this.#shared, publisher);
    // An own one keeps the key that it had when it was on its way; ids of others may be equal to it.
    const key = this.#shared.isOwnInstance(publisher?.instance) ? id : `${publisher?.instance ?? ""}/${id}`;
    if (publication.erased) return { type: "tombstone", key, id, at, publisher, isOwn };
    const { data } = publication;
    return { ...STORED, key, id, data, at, publisher, tags, meta, isOwn };
  }

  stored(life: number): void {
    // Published before this subscription began, it may stand before its beginning, and no echo would come.
    if (!this.#lifeline.isAlive || life !== this.life) this.#settle();
  }

  // --- following ---

  #start(): void {
    const life = ++this.life;
    // In a moment, so that the wishes of all components that mount together count.
    queueMicrotask(() => {
      if (life === this.life) this.#follow();
    });
  }

  #follow(): void {
    const { channel } = this;
    if (!channel) return;
    this.#removals = [
      channel.on("publication", (publication) => this.#take(publication)),
      channel.on("tombstone", (tombstone) => this.#take(tombstone)),
      channel.on("amend", (amendment) => {
        this.#pager.amend(amendment);
        this.#move();
        if (this.timeline.amend(amendment)) this.changed();
      }),
      channel.on("gap", (gap) => {
        this.timeline.appendGap(gap);
        this.#move();
        this.changed();
      }),
      channel.on("live", () => this.#live()),
      followFacts(channel, { changed: (facts) => this.#learn(facts), lost: () => this.#subscribe() }),
    ];
    // Somebody else may have subscribed it; then following has begun, and history comes by pages.
    if (this.#hasBegun) return;
    this.#asked = this.#replayed = Math.max(0, ...[...this.#wishes].map(({ history }) => history));
    this.#subscribe();
  }

  /** Subscribes, from where it was if it was once. */
  #subscribe(): void {
    const { channel } = this;
    const start = this.#position === null ? { history: this.#replayed } : { position: this.#position };
    // A refusal is told by the `error` event.
    channel?.subscribe(start).catch(() => {});
  }

  #stop(): void {
    this.life++;
    for (const remove of this.#removals.splice(0)) remove();
    this.channel?.unsubscribe();
    this.timeline.clear();
    this.#pager.reset();
    this.#outgoing.takeSent();
    this.#hasBegun = false;
    this.#asked = this.#replayed = this.#listHead = 0;
    this.#position = null;
    this.#facts = INITIAL_FACTS;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.changed();
  }

  #resubscribe(): void {
    if (this.#removals.length) this.#subscribe();
  }

  #learn(facts: Facts): void {
    this.#facts = facts;
    if (facts.state === "subscribed" && !this.#hasBegun) this.#begin();
    if (facts.state === "unsubscribed" && facts.error) {
      for (const { reject } of this.#waiting.splice(0)) reject(facts.error);
    }
    this.changed("list");
  }

  #begin(): void {
    this.#hasBegun = true;
    this.#move();
    for (const { resolve } of this.#waiting.splice(0)) resolve();
    this.#weigh();
  }

  #live(): void {
    // The server had no publication when it was asked for some.
    if (this.#replayed && !this.timeline.end && !this.timeline.head) this.#pager.hasMore = false;
    this.#settle();
    this.changed();
  }

  #take(publication: Publication | Tombstone): void {
    if (this.#shared.isOwnInstance(publication.publisher?.instance)) this.#outgoing.take(publication.id);
    this.timeline.append(this.rowOf(publication));
    this.#move();
    // Where frames are rare, what is not seen must not pile up.
    if (this.timeline.end - this.timeline.head > 2 * this.#limits.all) this.#trim();
    this.changed();
  }

  /** The position moves at the end of each push: there, a row's place is known. */
  #move(): void {
    const position = this.channel?.position ?? null;
    if (position === null || position === this.#position) return;
    this.#position = position;
    this.timeline.mark(position);
  }

  /** What is stored but did not come by now won't: it was stored before the beginning, or fell into a gap. */
  #settle(): void {
    for (const row of this.#outgoing.takeSent()) {
      const { publisher = this.publisher } = row;
      if (this.#lifeline.isAlive) this.timeline.append({ ...row, publisher });
    }
    this.changed();
  }

  // --- what components want ---

  #weigh(): void {
    const wishes = [...this.#wishes];
    // While nobody is there and the store lingers, all stays as it was for the last one.
    if (!wishes.length) return;
    const list = Math.max(0, ...wishes.map(({ limit }) => limit));
    const all = Math.max(list, ...wishes.map(({ pagedLimit }) => pagedLimit));
    if (list !== this.#limits.list || all !== this.#limits.all) this.changed();
    this.#limits = { list, all };
    const missing = Math.max(0, ...wishes.map(({ history }) => history)) - this.#asked;
    if (!this.#hasBegun || missing <= 0) return;
    this.#asked += missing;
    void this.#extend(missing);
  }

  /** The list starts further back than the subscription did: somebody wants more than those who were first. */
  async #extend(count: number): Promise<void> {
    const { life } = this;
    let left = count;
    while (left > 0 && life === this.life) {
      const loaded = Math.min(left, this.#listHead - this.timeline.head);
      if (loaded > 0) {
        this.#listHead -= loaded;
        left -= loaded;
        this.changed();
      } else if (!(await this.#pager.load(left))) return;
    }
  }

  #trim(): void {
    if (!this.timeline.trim(this.#limits.all)) return;
    this.#listHead = Math.max(this.#listHead, this.timeline.head);
    this.#pager.hasMore = true;
    this.#stale.rows = this.#stale.list = this.#stale.paging = true;
  }

  // --- what components see ---

  #client(): AnyChannel {
    const { channel } = this;
    if (!channel) throw noClient();
    return channel;
  }

  #freeze(): void {
    const { timeline } = this;
    this.#trim();
    const { rows: areRowsStale, list: isListStale, paging: isPagingStale } = this.#stale;
    this.#stale.rows = this.#stale.list = this.#stale.paging = false;
    let { publications } = this.#list;
    let { timeline: all, publications: older, offset } = this.#paging;
    if (areRowsStale) {
      const rows = timeline.rows();
      const pending = this.#outgoing.rows();
      const border = Math.max(this.#listHead, timeline.end - this.#limits.list, timeline.head) - timeline.head;
      const withPending = (stored: readonly ListItem[]): readonly ListItem[] =>
        pending.length ? [...stored, ...pending] : stored;
      all = sameArray(all, withPending(rows));
      older = sameArray(older, rows.slice(0, border));
      publications = sameArray(publications, withPending(border ? rows.slice(border) : rows));
      offset = 0 - timeline.head;
    }
    if (isListStale) this.#list = { ...this.#list, ...this.#facts, publications };
    if (isPagingStale) {
      const { isLoading, error } = this.#pager;
      const hasMore = this.#pager.hasMore && !this.isFull;
      this.#paging = { ...this.#paging, timeline: all, publications: older, offset, hasMore, isLoading, error };
    }
  }
}
