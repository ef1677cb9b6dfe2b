import type { GapPush, Item, ItemsPush } from "@carillon/protocol";
import type { AppendRequest, AppendResult, ChannelOptions } from "@carillon/server/testing";
import { demand } from "./violation.ts";
import { showBytes, type Shown } from "./wire.ts";

/** A place in a log's true history: the item that leads to it, and the place before. */
interface Place {
  readonly pos: string;
  readonly before: Place | null;
  /** Items since the beginning of this life of the channel. */
  readonly depth: number;
  readonly life: number;
  readonly item: TrueItem | null;
  /** Its item was no longer retained at some moment. */
  isTrimmed: boolean;
}

interface TrueItem {
  readonly id: string;
  /** Idempotency scope and id; null for an append without one. */
  readonly key: string | null;
  readonly scope: string | null;
  readonly publication: TruePublication;
  readonly isAmendment: boolean;
  readonly value: Shown;
  readonly at: number;
}

interface TruePublication {
  readonly id: string;
  readonly user: string | null;
  readonly expires: number;
  /** Every payload that it ever had, in any life of its log. */
  readonly values: Set<Shown>;
}

interface TrueLog {
  readonly options: ChannelOptions;
  /** Places from the beginning of this life to the top. */
  chain: Place[];
  publications: Map<string, TruePublication>;
  life: number;
  /** Places below are trimmed. */
  retainedFrom: number;
}

/**
 * What truly happened in the logs, told by the store itself at the moment it happened; and whether what clients are
 * told agrees with it. It knows nothing of how positions are made: to it they are names of places.
 */
export class LogOracle {
  readonly #places = new Map<string, Place>();
  readonly #logs = new Map<string, TrueLog>();
  /** Places of accepted publishes by scope and id. */
  readonly #accepted = new Map<string, Place[]>();
  readonly #wallMs: () => number;
  #lives = 0;
  rollBacks = 0;
  duplicates = 0;

  constructor(wallMs: () => number) {
    this.#wallMs = wallMs;
  }

  /** A channel is there, with nothing in it. */
  opened(channel: string, options: ChannelOptions, top: string): void {
    this.#logs.set(channel, { options, chain: [], publications: new Map(), life: 0, retainedFrom: 1 });
    this.removed(channel, top);
  }

  /** A channel began a new life. */
  removed(channel: string, top: string): void {
    const log = this.#log(channel);
    const life = ++this.#lives;
    const first: Place = { pos: top, before: null, depth: 0, life, item: null, isTrimmed: false };
    demand(!this.#places.has(top), () => `P5: ${channel} began anew at a place that was there before`);
    this.#places.set(top, first);
    for (const place of log.chain) place.isTrimmed = true;
    log.chain = [first];
    log.life = life;
    log.retainedFrom = 1;
    log.publications = new Map();
  }

  /** A store was rolled back; `top` is where the channel stands now. */
  rolledBack(channel: string, top: string): number {
    const log = this.#log(channel);
    this.#trim(log);
    const place = this.#places.get(top);
    demand(place !== undefined, () => `${channel} was rolled back to a place where it never was`);
    const isKept = log.chain[place.depth] === place;
    const dropped = isKept ? log.chain.length - 1 - place.depth : log.chain.length;
    log.chain = [];
    for (let step: Place | null = place; step !== null; step = step.before) log.chain.unshift(step);
    log.life = place.life;
    log.publications = new Map();
    for (const { item } of log.chain) if (item !== null) log.publications.set(item.publication.id, item.publication);
    log.retainedFrom = 1;
    this.#trim(log);
    return dropped;
  }

  /** The store answered an append. */
  appended(request: AppendRequest, result: AppendResult): void {
    const { channel, idempotency, id } = request;
    this.#trim(this.#log(channel));
    if (!result.ok) return this.#checkRefusal(request, result.code);
    const key = idempotency === null ? null : `${channel} ${idempotency.scope} ${id}`;
    const earlier = key === null ? [] : (this.#accepted.get(key) ?? []);
    if (result.duplicate) {
      this.duplicates++;
      const first = earlier.at(-1);
      demand(
        first?.pos === result.pos && first.item?.at === result.at,
        () => `P3: a duplicate of ${id} got another result`,
      );
      return;
    }
    const log = this.#log(channel);
    demand(
      !earlier.some((place) => log.chain[place.depth] === place),
      () => `P3: ${id} was appended to ${channel} twice`,
    );
    const item = this.#item(log, request, key, result.at);
    const before = log.chain.at(-1) ?? null;
    const known = this.#places.get(result.pos);
    // After a rollback the same publication in the same millisecond makes the same place again: it is the same.
    const isSame = known === undefined || (known.before === before && known.item?.id === id);
    demand(isSame, () => `P5: a place in ${channel} was given twice`);
    const fresh = { pos: result.pos, before, depth: log.chain.length, life: log.life, item, isTrimmed: false };
    const place: Place = known ?? fresh;
    this.#places.set(result.pos, place);
    log.chain.push(place);
    if (key !== null) this.#accepted.set(key, [...earlier, place]);
    this.#trim(log);
  }

  /** A client's attempt was answered with success. */
  accepted(
    who: string,
    attempt: { channel: string; id: string; target: string | null; value: Shown },
    result: { pos: string; at: number },
  ): void {
    const place = this.#places.get(result.pos);
    const item = place?.item;
    demand(
      item !== undefined && item !== null && item.id === attempt.id,
      () => `P2, ${who}: ${attempt.id} was accepted at a place that is not its own`,
    );
    demand(
      item.value === attempt.value,
      () => `P3, ${who}: ${attempt.id} was accepted with other data than was stored`,
    );
    demand(item.at === result.at, () => `P3, ${who}: ${attempt.id} was stored at another time than the reply says`);
  }

  /** A subscription begins at a place. */
  started(who: string, channel: string, asked: string | null, pos: string | null): void {
    demand(pos !== null && this.#places.has(pos), () => `${who}: ${channel} begins at a place that never was`);
    demand(
      asked === null || asked === pos,
      () => `P4, ${who}: ${channel} begins at ${pos} without a gap, it was asked for ${asked}`,
    );
  }

  /** A client was given items that lead from one place to another. */
  items(who: string, { channel, prev, pos, items }: ItemsPush, values: readonly Shown[]): void {
    const steps = this.#between(prev, pos, items.length, `P1, ${who}: ${channel}`);
    items.forEach((item, index) => {
      const step = steps[index] as TrueItem;
      const isSame =
        "key" in item
          ? false
          : item.id === step.id &&
            ("amend" in item ? step.isAmendment && item.amend === step.publication.id : !step.isAmendment);
      demand(isSame, () => `P1, ${who}: ${channel} has ${step.id} where ${JSON.stringify(item)} was told`);
      this.#checkValue(who, step, values[index] ?? null);
    });
  }

  /** A client was told of a gap. */
  gap(who: string, { channel, from, to, reason }: GapPush): void {
    const log = this.#log(channel);
    const start = this.#places.get(from);
    const end = this.#places.get(to);
    demand(
      start !== undefined && end !== undefined,
      () => `${who}: a gap of ${channel} between places that never were`,
    );
    this.#trim(log);
    demand(end.depth === 0 || end.isTrimmed, () => `P4, ${who}: a gap of ${channel} hides items that are retained`);
    if (start.life !== end.life)
      return demand(reason === "epoch", () => `${who}: a gap by ${reason} between two lives of ${channel}`);
    if (!isBefore(start, end)) {
      // Where not even the place behind is left, a store can't tell what it lost from what it let go of.
      const isFair = reason === "rollback" || (reason === "trimmed" && start.depth < end.depth);
      return demand(isFair, () => `${who}: a gap by ${reason} back or aside in ${channel}`);
    }
    demand(reason === "trimmed" && start !== end, () => `${who}: a gap by ${reason} along ${channel}`);
  }

  /** A page of history agrees with what was there. */
  history(
    who: string,
    channel: string,
    page: { prev: string; pos: string; items: readonly Item[] },
    values: readonly Shown[],
  ): void {
    const steps = this.#between(page.prev, page.pos, null, `${who}: history of ${channel}`).filter(
      ({ isAmendment }) => !isAmendment,
    );
    const ids = page.items.map((item) => ("id" in item ? item.id : ""));
    demand(
      ids.join(" ") === steps.map(({ id }) => id).join(" "),
      () => `${who}: history of ${channel} has ${ids.join(" ")}, which is not what was published`,
    );
    steps.forEach((step, index) => this.#checkValue(who, step, values[index] ?? null));
  }

  /** The place where a channel stands. */
  top(channel: string): string {
    return this.#log(channel).chain.at(-1)?.pos ?? "";
  }

  /** How many items a channel retains. */
  retained(channel: string): number {
    const log = this.#log(channel);
    this.#trim(log);
    return log.chain.length - log.retainedFrom;
  }

  /** What a reader who saw everything since some gap knows must be what the publications have become. */
  checkPayloads(who: string, channel: string, seen: ReadonlyMap<string, Shown>): void {
    const latest = new Map<string, TrueItem>();
    for (const { item } of this.#log(channel).chain) if (item !== null) latest.set(item.publication.id, item);
    for (const [id, value] of seen) {
      const item = latest.get(id);
      if (item === undefined || this.#isExpired(item.publication)) continue;
      // Pages show publications as amended, so a reader may have seen what an amendment made before that was rolled back.
      const isRight = item.value === value || (this.rollBacks > 0 && item.publication.values.has(value));
      demand(isRight, () => `P1, ${who}: ${id} in ${channel} is ${value}, it has become ${item.value}`);
    }
  }

  /** Publications of one scope stand in the order in which their sender made them; `numberOf` reads it off the id. */
  checkSenders(numberOf: (id: string) => number): void {
    for (const [channel, { chain }] of this.#logs) {
      const last = new Map<string, number>();
      for (const { item } of chain) {
        // An amendment may be refused for want of its target, and taken when it is sent again.
        if (item === null || item.scope === null || item.isAmendment) continue;
        const number = numberOf(item.id);
        demand(number > (last.get(item.scope) ?? -1), () => `P2: ${item.id} stands behind a later one in ${channel}`);
        last.set(item.scope, number);
      }
    }
  }

  #item(log: TrueLog, request: AppendRequest, key: string | null, at: number): TrueItem {
    const { id, data, amend, expiresInMs, idempotency, publisher } = request;
    const user = publisher?.user ?? null;
    const value = data === null ? null : typeof data === "string" ? data : showBytes(data);
    const targetId = amend?.target ?? id;
    const known = log.publications.get(targetId);
    const publication = known ?? {
      id: targetId,
      user,
      expires: expiresInMs === 0 ? 0 : at + expiresInMs,
      values: new Set(),
    };
    if (amend === null) demand(!this.#isRetained(log, targetId), () => `P3: ${id} is in ${request.channel} twice`);
    else
      demand(
        this.#isRetained(log, targetId) && publication.user === user,
        () => `${user} changed ${targetId} of ${publication.user}`,
      );
    publication.values.add(value);
    log.publications.set(targetId, publication);
    return { id, key, scope: idempotency?.scope ?? null, publication, isAmendment: amend !== null, value, at };
  }

  #checkRefusal({ id, channel, amend, publisher }: AppendRequest, code: string): void {
    const log = this.#log(channel);
    const told = (): string => `${id} was refused in ${channel} with ${code}`;
    if (code === "unknown_publication") demand(amend !== null && !this.#isRetained(log, amend.target), told);
    else if (code === "not_owner") demand(log.publications.get(amend?.target ?? "")?.user !== publisher?.user, told);
    else
      demand(
        code === "id_reused" || code === "epoch_changed" || code === "overloaded" || code === "out_of_order",
        told,
      );
  }

  /** True while the publication, or an amendment of it, is retained. */
  #isRetained(log: TrueLog, id: string): boolean {
    const publication = log.publications.get(id);
    return (
      publication !== undefined &&
      log.chain.slice(log.retainedFrom).some(({ item }) => item?.publication === publication)
    );
  }

  #between(prev: string | null, pos: string | null, count: number | null, what: string): TrueItem[] {
    const start = this.#places.get(prev ?? "");
    const end = this.#places.get(pos ?? "");
    demand(start !== undefined && end !== undefined, () => `${what} between places that never were`);
    const length = end.depth - start.depth;
    demand(
      length >= 0 && (count === null || length === count),
      () => `${what}: ${count} items where there were ${length}`,
    );
    const steps: TrueItem[] = [];
    let place = end;
    while (place !== start) {
      demand(
        place.before !== null && place.item !== null,
        () => `P5: ${what} goes on from a place that it never came from`,
      );
      steps.push(place.item);
      place = place.before;
    }
    return steps.reverse();
  }

  #checkValue(who: string, { publication }: TrueItem, value: Shown): void {
    const isErased = value === null && this.#isExpired(publication);
    demand(
      isErased || publication.values.has(value),
      () => `${who}: ${publication.id} was told as ${value}, which it never was`,
    );
  }

  #isExpired({ expires }: TruePublication): boolean {
    return expires !== 0 && expires <= this.#wallMs();
  }

  #trim(log: TrueLog): void {
    const oldest = this.#wallMs() - log.options.historyTtlMs;
    for (; log.retainedFrom < log.chain.length; log.retainedFrom++) {
      const place = log.chain[log.retainedFrom] as Place;
      if (log.chain.length - log.retainedFrom <= log.options.historySize && (place.item?.at ?? 0) >= oldest) return;
      place.isTrimmed = true;
    }
  }

  #log(channel: string): TrueLog {
    const log = this.#logs.get(channel);
    demand(log !== undefined, () => `${channel} is not known`);
    return log;
  }
}

function isBefore(start: Place, end: Place): boolean {
  let place: Place | null = end;
  while (place !== null && place.depth > start.depth) place = place.before;
  return place === start;
}
