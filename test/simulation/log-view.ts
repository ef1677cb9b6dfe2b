import type { Gap } from "@carillon/client";
import { shown, type ChannelTruth, type LogRecord, type Place, type World, type Truth } from "@carillon/server/testing";
import type { Checker } from "./checker.ts";
import type { Docket } from "./docket.ts";
import type { Permissions } from "./permissions.ts";

/** An item as the application sees it. */
export interface SeenItem {
  readonly id: string;
  /** Id of the amendment, if it is one. */
  readonly amendment?: string;
  /** Store time. */
  readonly at: number;
  readonly data: unknown;
  readonly isErased: boolean;
}

/** What a view needs. */
export interface LogViewContext {
  readonly name: string;
  readonly user: string;
  readonly channel: string;
  readonly world: World;
  readonly truth: Truth;
  readonly checker: Checker;
  readonly permissions: Permissions;
  readonly docket: Docket;
}

/**
 * What one client is told of one log, held against what truly happened: a finger on a place, which each item must move to
 * a next one. A log that was rolled back has branches; whoever is on one may go on there, and leaves it by a gap.
 */
export class LogView {
  /** The last payload of each publication that was seen since the last gap. */
  readonly payloads: Map<string, string> = new Map();
  readonly #context: LogViewContext;
  #place: Place | null = null;

  constructor(context: LogViewContext) {
    this.#context = context;
  }

  /** Where the finger is. */
  get place(): Place | null {
    return this.#place;
  }

  /** A subscription was agreed on, at a position. */
  began(position: string | null): void {
    this.#judge([position], () => {
      const place = this.#truth?.place(position);
      if (place === undefined) return this.#fail("not durable", `begins at ${position}, which never was`);
      if (this.#place !== null && this.#place !== place) {
        this.#fail("gap", `begins at ${place.depth}, it was at ${this.#place.depth}, and nobody said so`);
      }
      this.#place = place;
    });
  }

  /** The application has ended the subscription; the next one starts anew. */
  forget(): void {
    this.#judge([], () => {
      this.#place = null;
      this.payloads.clear();
    });
  }

  /** It starts at a position that was kept from before. */
  startAt(position: string): void {
    this.#judge([], () => {
      this.#place = this.#truth?.place(position) ?? null;
    });
  }

  /** An item was delivered. */
  item(item: SeenItem): void {
    const { world, docket } = this.#context;
    const id = item.amendment ?? item.id;
    world.note(`${this.#context.name} got ${id} in ${this.#context.channel}`);
    // After a roll back the same publication may stand on two branches, made at two times.
    const isIt = ({ records: [record] }: Place): boolean => isItem(record, id) && record.at === item.at;
    docket.add(
      () => this.#place === null || this.#place.next.some(isIt),
      () => this.#judgeItem(item, id, isIt),
    );
  }

  /** A gap was announced. */
  gap(gap: Gap): void {
    const { world, name, channel } = this.#context;
    world.note(`${name} got a gap by ${gap.reason} in ${channel}`);
    world.count(`gaps announced: ${gap.reason}`);
    this.#judge([gap.from, gap.to], () => this.#judgeGap(gap));
  }

  /** It is live, or everything has come to rest: the SDK's position is where the finger is. */
  at(position: string | null): void {
    this.#judge([position], () => {
      const place = this.#truth?.place(position);
      if (this.#place === null || place === this.#place) return;
      this.#fail("lost", `stands at ${place?.depth}, but what was delivered ends at ${this.#place.depth}`);
    });
  }

  /** Everything has come to rest: nothing is missing, and every publication is what it has become. */
  finish(): void {
    const truth = this.#truth;
    if (truth === undefined || this.#place === null) return;
    if (this.#place !== truth.top) {
      return this.#fail("stuck", `stands at ${this.#place.depth} of ${truth.top.depth} after everything came to rest`);
    }
    if (truth.restores > 0) return;
    const latest = truth.latest();
    for (const [id, value] of this.payloads) {
      const record = latest.get(id);
      if (record === undefined || shown(record.data) === value) continue;
      this.#fail(
        "wrong data",
        `shows ${value.slice(0, 60)} for ${id}, it has become ${shown(record.data).slice(0, 60)}`,
      );
    }
  }

  #judge(positions: readonly (string | null)[], judge: () => void): void {
    const isKnown = (): boolean => positions.every((pos) => pos === null || this.#truth?.place(pos) !== undefined);
    this.#context.docket.add(isKnown, judge);
  }

  #judgeItem(item: SeenItem, id: string, isIt: (place: Place) => boolean): void {
    const { world } = this.#context;
    const from = this.#place;
    if (from === null) return this.#fail("broken", `got ${id} before the subscription was agreed on`);
    const place = from.next.find(isIt);
    if (place === undefined) return this.#wrongItem(from, id);
    this.#place = place;
    this.#checkValue(item);
    this.#context.permissions.delivered(this.#context, place.committedMs, id);
    world.count("deliveries");
  }

  #judgeGap({ from, to, reason }: Gap): void {
    this.payloads.clear();
    const truth = this.#truth;
    const start = truth?.place(from);
    const end = truth?.place(to);
    if (truth === undefined || start === undefined || end === undefined)
      return this.#fail("gap", "a gap between places that never were");
    if (start !== this.#place) this.#fail("gap", `a gap from ${start.depth}, it was at ${this.#place?.depth}`);
    truth.age();
    if (!end.isTrimmed) this.#fail("lost", `a gap by ${reason} hides items that are retained`);
    else if (reason === "trimmed" && !isBefore(start, end) && truth.restores === 0) {
      this.#fail("gap", "a gap by trimming that leads back");
    } else if ((reason === "rollback" || reason === "epoch") && !start.wasLeft && this.#isOnTop(start)) {
      this.#fail("gap", `a gap by ${reason} where nothing was rolled back`);
    }
    this.#place = end;
  }

  get #truth(): ChannelTruth | undefined {
    return this.#context.truth.channels.get(this.#context.channel);
  }

  /** True if a place is on the way to the present top. */
  #isOnTop(place: Place): boolean {
    const truth = this.#truth;
    return truth !== undefined && isBefore(place, truth.top);
  }

  #checkValue({ id, data, isErased }: SeenItem): void {
    const value = isErased ? "erased" : data instanceof Uint8Array ? shown(data) : JSON.stringify(data);
    this.payloads.set(id, value);
    if (this.#truth?.values.get(id)?.has(value) === true) return;
    this.#fail("wrong data", `${id} was told as ${value.slice(0, 60)}, which it never was`);
  }

  #wrongItem(from: Place, id: string): void {
    const truth = this.#truth;
    const holds = ({ records: [record] }: Place): boolean => isItem(record, id);
    for (let place: Place | null = from; place !== null; place = place.before) {
      if (holds(place)) return this.#fail("duplicated", `got ${id} again`);
    }
    const chain = truth?.chain() ?? [];
    const found = chain.find(holds);
    if (found === undefined) return this.#fail("not durable", `got ${id}, which is not in the log`);
    const isAhead = isBefore(from, found);
    if (!isAhead) return this.#fail("gap", `got ${id} of another branch, without a gap`);
    this.#fail("lost", `got ${id}, ${found.depth - from.depth - 1} items before it are missing`);
  }

  #fail(kind: Parameters<Checker["fail"]>[0], text: string): void {
    const { checker, name, channel } = this.#context;
    checker.fail(kind, `${name}, ${channel}: ${text}`);
  }
}

function isItem(record: Place["records"][number] | undefined, id: string): record is LogRecord {
  return record !== undefined && "id" in record && record.id === id;
}

function isBefore(start: Place, end: Place): boolean {
  let place: Place | null = end;
  while (place !== null && place.depth > start.depth) place = place.before;
  return place === start;
}
