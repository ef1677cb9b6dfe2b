/**
 * The rows of one log channel, oldest first: a window on the log that grows at its end by what comes live, at its head
 * by pages of history, and is cut at its head. Rows are numbered without a hole, from 0 at the place where following
 * began, below 0 for what was loaded before it; so a row is found by its number, and a page moves nothing.
 */
import type { Amendment, Gap } from "@carillon/client";
import type { Position } from "@carillon/protocol";
import type { ListItem, PublicationItem, TombstoneItem } from "./face.ts";

/** A row that has an id. */
export type StoredRow = PublicationItem | TombstoneItem;

/** A place that can be asked for: `position` is the place before the row of that number. */
interface Mark {
  readonly number: number;
  readonly position: Position;
}

/** Rows from one mark to the next, at least. A page that starts at a mark may overlap the window by as many. */
const MARK_ROWS = 32;

/** A window of rows. Rows are immutable; a change puts another in the place. */
export class Timeline {
  #rows: ListItem[] = [];
  /** Number of the first row. */
  #head = 0;
  /** Numbers of rows by id: ids are unique within an instance, so several rows may have one. */
  readonly #numbers = new Map<string, number[]>();
  /** Ascending, none before the head. */
  #marks: Mark[] = [];
  /** The newest place that is known. */
  #tail: Mark | undefined;
  #gaps = 0;

  /** Number of the first row. */
  get head(): number {
    return this.#head;
  }

  /** Number after the last row. */
  get end(): number {
    return this.#head + this.#rows.length;
  }

  /** A copy of the rows. */
  rows(): readonly ListItem[] {
    return [...this.#rows];
  }

  /** Adds a row at the end; one that stands already is replaced where it stands. */
  append(row: StoredRow): void {
    const number = this.#find(row);
    if (number === undefined) this.#push(row);
    else this.#replace(number, row);
  }

  /** Marks the end as a place where something is missing. */
  appendGap(gap: Gap): void {
    this.#rows.push({ type: "gap", key: `gap ${this.#gaps++}`, ...gap });
  }

  /** Adds a page before the head, without what stands already; `position` is the place before the page. */
  prepend(page: readonly StoredRow[], position: Position): number {
    const rows = page.filter((row) => this.#find(row) === undefined);
    this.#head -= rows.length;
    this.#rows = [...rows, ...this.#rows];
    for (const [index, row] of rows.entries()) this.#index(row.id, this.#head + index);
    this.#marks = [{ number: this.#head, position }, ...this.#marks.filter(({ number }) => number > this.#head)];
    return rows.length;
  }

  /** Changes the publications that an amendment is about. Returns whether there are any. */
  amend(amendment: Amendment): boolean {
    const numbers = this.#numbers.get(amendment.id) ?? [];
    for (const number of numbers) {
      const row = this.#rows[number - this.#head];
      if (row?.type === "publication") this.#replace(number, amended(row, amendment));
    }
    return numbers.length > 0;
  }

  /** `position` is the place after the last row. */
  mark(position: Position): void {
    const { end } = this;
    this.#tail = { number: end, position };
    const last = this.#marks.at(-1);
    if (last?.number === end) this.#marks.pop();
    else if (last && end - last.number < MARK_ROWS) return;
    this.#marks.push(this.#tail);
  }

  /** From where to read backwards: the place before the head, or the first one after it that is known. */
  get cursor(): Position | undefined {
    return (this.#marks[0] ?? this.#tail)?.position;
  }

  /** Lets the oldest rows go, down to `limit`. Returns whether any went. */
  trim(limit: number): boolean {
    const count = this.#rows.length - limit;
    if (count <= 0) return false;
    for (const row of this.#rows.splice(0, count)) {
      if (row.type !== "gap") this.#unindex(row.id, this.#head);
      this.#head++;
    }
    const first = this.#marks.findIndex(({ number }) => number >= this.#head);
    this.#marks = first === -1 ? [] : this.#marks.slice(first);
    return true;
  }

  /** Forgets everything. */
  clear(): void {
    this.#rows = [];
    this.#head = 0;
    this.#numbers.clear();
    this.#marks = [];
    this.#tail = undefined;
  }

  #find({ id, key }: StoredRow): number | undefined {
    return this.#numbers.get(id)?.find((number) => this.#rows[number - this.#head]?.key === key);
  }

  #push(row: StoredRow): void {
    this.#index(row.id, this.end);
    this.#rows.push(row);
  }

  #replace(number: number, row: StoredRow): void {
    this.#rows[number - this.#head] = row;
  }

  #index(id: string, number: number): void {
    const numbers = this.#numbers.get(id);
    if (numbers) numbers.push(number);
    else this.#numbers.set(id, [number]);
  }

  #unindex(id: string, number: number): void {
    const numbers = this.#numbers.get(id)?.filter((other) => other !== number) ?? [];
    if (numbers.length) this.#numbers.set(id, numbers);
    else this.#numbers.delete(id);
  }
}

function amended(row: PublicationItem, amendment: Amendment): StoredRow {
  if (!amendment.erased) return { ...row, data: amendment.data, amendedAt: amendment.at };
  const { key, id, at, publisher, isOwn } = row;
  return { type: "tombstone", key, id, at, publisher, isOwn };
}
