import { open, type Database, type RootDatabase } from "lmdb";
import { damaged, StoreError } from "./store-error.ts";

/** One thing that a commit does: puts a value, or takes away what the key has. */
export interface Write {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** A stretch of keys, in order, or from the end when `reverse`. */
export interface KeyRange {
  readonly start: Uint8Array;
  /** The first key that is not part of it. */
  readonly end: Uint8Array;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** A key with its value. */
export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/**
 * Address space for the file, which costs nothing until it is used. With room to spare from the start, the file never
 * has to be mapped anew while it grows.
 */
const MAP_BYTES = 2 ** 38;
const OWNER_KEY = Buffer.from("owner");

/**
 * The LMDB environment of a folder. Every commit is synced before it is visible (`overlappingSync: false`), so whatever
 * a read shows is durable; and it is conditional on the fence, so a process that was shut out can't write any more.
 */
export class Environment {
  readonly path: string;
  readonly #main: RootDatabase<Uint8Array, Uint8Array>;
  readonly #fence: Database<Uint8Array, Uint8Array>;
  #term = 0;

  /** Opens the environment; {@link Environment.claim} comes next. Throws a `StoreError`. */
  constructor(path: string) {
    this.path = path;
    this.#main = open<Uint8Array, Uint8Array>({
      path,
      keyEncoding: "binary",
      encoding: "binary",
      // Readable and durable are one moment, and it is the same for what is read by others as for what is acknowledged.
      overlappingSync: false,
      // A commit starts when it is asked for, not at the end of the turn.
      eventTurnBatching: false,
      mapSize: MAP_BYTES,
      maxDbs: 2,
    });
    // What other processes have open shows before this one has read anything, whatever their numbers: LMDB's list of
    // readers is emptied by whoever opens the environment alone, and the kernel knows who is alone.
    const before = readersOf(this.#main.readerList());
    this.#fence = this.#main.openDB<Uint8Array, Uint8Array>("fence", {
      keyEncoding: "binary",
      encoding: "binary",
      useVersions: true,
    });
    const owner = this.#fence.getEntry(OWNER_KEY);
    this.#term = owner?.version ?? 0;
    // Two processes that start at once see each other here at the latest, since each has read before it looks again.
    const now = readersOf(this.#main.readerList());
    if (before.length === 0 && now.length <= 1) return;
    // A process in another container may have our number; closing would strike its readers off the list.
    const isStranger = before.includes(String(process.pid)) && owner?.value.toString() !== ownName();
    if (!isStranger) this.#main.close().catch(ignore);
    throw inUse(before.length === 0 ? now : before);
  }

  /** Becomes the only process whose commits count. */
  async claim(): Promise<void> {
    this.#term++;
    await this.#fence.put(OWNER_KEY, Buffer.from(ownName()), this.#term);
  }

  /** The value of a key as it is on disk. Throws a `StoreError` when the file is damaged. */
  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#main.getBinary(key);
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
  keys(range: KeyRange): Uint8Array[] {
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
  async commit(writes: Iterable<Write>): Promise<boolean> {
    try {
      return await this.#fence.ifVersion(OWNER_KEY, this.#term, () => {
        for (const { key, value } of writes) {
          if (value === null) void this.#main.remove(key);
          else void this.#main.put(key, value);
        }
      });
    } catch (error) {
      throw await causeOf(error);
    }
  }

  /** Waits for the commit under way and closes the files. */
  async close(): Promise<void> {
    await this.#main.close();
  }
}

const ignore = (): void => {};

/** No other process on the machine has it, nor one that will have the same number later. */
function ownName(): string {
  return `${process.pid} ${performance.timeOrigin}`;
}

/** The numbers of the processes in LMDB's list of readers. */
function readersOf(list: string): string[] {
  return list.split("\n").flatMap((line) => /^\s*(\d+) /.exec(line)?.[1] ?? []);
}

function inUse(readers: readonly string[]): StoreError {
  const who = [...new Set(readers)].map((reader) => (reader === String(process.pid) ? `${reader} (this one)` : reader));
  return new StoreError(
    "in_use",
    `The folder is in use by process ${who.join(", ")}. A folder belongs to one server: stop the other one, or give ` +
      "this one a folder of its own.",
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
