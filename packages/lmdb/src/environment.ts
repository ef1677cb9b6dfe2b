import { open, type Database, type RootDatabase } from "lmdb";
import type { Key } from "./layout.ts";
import { damaged, StoreError } from "./store-error.ts";

/** One thing that a commit does: puts a value, or takes away what the key has. */
export interface Write {
  readonly key: Key;
  readonly value: Uint8Array | null;
}

/** A stretch of keys, in order, or from the end when `reverse`. */
export interface KeyRange {
  readonly start: Key;
  /** The first key that is not part of it. */
  readonly end: Key;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** A key with its value. */
export interface KeyValue {
  readonly key: Key;
  readonly value: Uint8Array;
}

/**
 * Address space for the file, which costs nothing until it is used. With room to spare from the start, the file never
 * has to be mapped anew while it grows.
 */
const MAP_BYTES = 2 ** 38;
const OWNER_KEY = "owner";

/**
 * How keys and values are written and read. LMDB hands values out in a memory of its own, which the next read writes
 * over; they are copied side by side into larger pieces of memory, since one allocation each would cost more than all
 * the rest of a read.
 */
const FORM = {
  keyEncoder: {
    writeKey: (key: Key, target: Buffer, start: number): number => start + target.write(key, start, "latin1"),
    readKey: (source: Buffer, start: number, end: number): Key => source.toString("latin1", start, end),
  },
  encoder: {
    encode: (value: Uint8Array): Uint8Array => value,
    decode: (bytes: Uint8Array): Uint8Array => {
      const value = Buffer.allocUnsafe(bytes.length);
      value.set(bytes.subarray(0, bytes.length));
      return value;
    },
  },
};

/**
 * The LMDB environment of a folder. Every commit is synced before it is visible (`overlappingSync: false`), so whatever
 * a read shows is durable; and it is conditional on the fence, so a process that was shut out can't write any more.
 */
export class Environment {
  readonly path: string;
  #main: RootDatabase<Uint8Array, Key>;
  #fence: Database<Uint8Array, Key>;
  #term = 0;
  #isOpen = true;

  /** Opens the environment; {@link Environment.claim} comes next. Throws a `StoreError`. */
  constructor(path: string) {
    this.path = path;
    this.#main = openFiles(path);
    this.#fence = this.#enter();
  }

  /** Becomes the only process whose commits count. Rejects as {@link Environment.commit} does. */
  async claim(): Promise<void> {
    this.#term++;
    try {
      await this.#fence.put(OWNER_KEY, Buffer.from(ownName()), this.#term);
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /**
   * Closes the files and opens them again, which gives back the memory that everything read so far takes: the kernel
   * maps sixteen pages for each that is looked at. Nothing may be asked of the environment until it resolves. Rejects
   * with a `StoreError` when another process was quicker.
   */
  async reopen(): Promise<void> {
    const term = this.#term;
    this.#isOpen = false;
    await this.#main.close();
    this.#main = openFiles(this.path);
    this.#isOpen = true;
    this.#fence = this.#enter();
    if (this.#term !== term) throw new StoreError("in_use", inUse(["unknown, which is gone again"]));
  }

  #enter(): Database<Uint8Array, Key> {
    try {
      return this.#admit();
    } catch (error) {
      this.#isOpen = false;
      if (!(error instanceof Stranger)) this.#main.close().catch(ignore);
      throw error;
    }
  }

  /**
   * Makes sure that nobody else has the environment open. What others have open shows before this process has read
   * anything, whatever their numbers: LMDB's list of readers is emptied by whoever opens the environment alone, and the
   * kernel knows who is alone. Two that start at once see each other the second time at the latest, since each has
   * read before it looks again.
   */
  #admit(): Database<Uint8Array, Key> {
    const before = readersOf(this.#main.readerList());
    const fence = this.#main.openDB<Uint8Array, Key>("fence", { ...FORM, useVersions: true });
    const owner = fence.getEntry(OWNER_KEY);
    this.#term = owner?.version ?? 0;
    const now = readersOf(this.#main.readerList());
    if (before.length === 0 && now.length <= 1) return fence;
    const isStranger = before.includes(String(process.pid)) && Buffer.from(owner?.value ?? []).toString() !== ownName();
    const message = inUse(before.length === 0 ? now : before);
    throw isStranger ? new Stranger("in_use", message) : new StoreError("in_use", message);
  }

  /** The value of a key as it is on disk. Throws a `StoreError` when the file is damaged. */
  get(key: Key): Uint8Array | undefined {
    try {
      return this.#main.get(key);
    } catch (error) {
      throw damaged("a page of data.mdb can't be read", error);
    }
  }

  /** Keys and values of a range, all as of one moment if they are taken at once. Throws a `StoreError` as `get` does. */
  *range(range: KeyRange): Generator<KeyValue, undefined> {
    try {
      yield* this.#main.getRange(range);
    } catch (error) {
      throw error instanceof StoreError ? error : damaged("a page of data.mdb can't be read", error);
    }
  }

  /** The keys of a range. Throws a `StoreError` when the file is damaged. */
  keys(range: KeyRange): Key[] {
    try {
      return [...this.#main.getKeys(range)];
    } catch (error) {
      throw damaged("a page of data.mdb can't be read", error);
    }
  }

  /**
   * Does all of it or nothing, and syncs. Resolves to false if another process has taken the folder over. Rejects with
   * the error of the system when it can't be done; then nothing has changed.
   */
  async commit(...parts: readonly (readonly Write[])[]): Promise<boolean> {
    try {
      return await this.#fence.ifVersion(OWNER_KEY, this.#term, () => {
        for (const writes of parts) {
          for (const { key, value } of writes) {
            if (value === null) void this.#main.remove(key);
            else void this.#main.put(key, value);
          }
        }
      });
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /** Waits for the commit under way and closes the files. */
  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    await this.#main.close();
  }
}

const ignore = (): void => {};

function openFiles(path: string): RootDatabase<Uint8Array, Key> {
  return open<Uint8Array, Key>({
    ...FORM,
    path,
    // Readable and durable are one moment, and it is the same for what is read by others as for what is acknowledged.
    overlappingSync: false,
    // A commit starts when it is asked for, not at the end of the turn.
    eventTurnBatching: false,
    mapSize: MAP_BYTES,
    maxDbs: 2,
  });
}

/** A process in another container that has our number: closing the environment would strike its readers off the list. */
class Stranger extends StoreError {}

/** No other process on the machine has it, nor one that will have the same number later. */
function ownName(): string {
  return `${process.pid} ${performance.timeOrigin}`;
}

/** The numbers of the processes in LMDB's list of readers. */
function readersOf(list: string): string[] {
  return list.split("\n").flatMap((line) => /^\s*(\d+) /.exec(line)?.[1] ?? []);
}

function inUse(readers: readonly string[]): string {
  const who = [...new Set(readers)].map((reader) => (reader === String(process.pid) ? `${reader} (this one)` : reader));
  return (
    `The folder is in use by process ${who.join(", ")}. A folder belongs to one server: stop the other one, or give ` +
    "this one a folder of its own."
  );
}

/** LMDB rejects with a general error that carries the promise of the particular one. */
async function causeOf(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !("commitError" in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (cause) {
    return cause;
  }
}
