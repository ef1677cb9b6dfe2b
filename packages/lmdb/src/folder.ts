import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { hasRoom } from "./commit-failure.ts";
import { checkDataFile } from "./data-file.ts";
import { FORMAT } from "./layout.ts";
import { damaged, StoreError } from "./store-error.ts";

/** Says what the folder is. Without it, an empty or missing data file would pass for a new store. */
const MARK = "carillon.json";
/** The file that LMDB keeps everything in. */
export const DATA_FILE = "data.mdb";
/** What may be in a folder that is about to become a store. */
const HARMLESS: ReadonlySet<string> = new Set([
  DATA_FILE,
  "lock.mdb",
  "lost+found",
  ".gitkeep",
  ".gitignore",
  ".DS_Store",
]);

/**
 * Makes sure that a folder is a store that this code can use, or can become one, before LMDB opens it: LMDB takes an
 * empty file for a new one, and ends the process when a file is shorter than it says. Throws a `StoreError`.
 */
export function checkFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
    const isMarked = existsSync(join(path, MARK));
    if (isMarked) checkMark(path);
    const data = join(path, DATA_FILE);
    const isThere = existsSync(data);
    if (isMarked && !isThere) {
      throw damaged(`${data} is missing, though ${MARK} says that the folder is a store`);
    }
    if (!isMarked) refuseForeign(path);
    // LMDB maps its lock file when it makes it; without a page for it, that would end the process.
    if (!existsSync(join(path, "lock.mdb")) && !hasRoom(path)) throw diskFull(path);
    if (isThere) checkDataFile(data, isMarked);
  } catch (error) {
    if (error instanceof StoreError) throw error;
    const message = `The folder ${path} can't be used: ${error instanceof Error ? error.message : String(error)}`;
    throw new StoreError("inaccessible", message, { cause: error });
  }
}

/** Marks the folder as a store, durably. Call it when what is in it is durable. */
export function markFolder(path: string): void {
  const mark = join(path, MARK);
  if (existsSync(mark)) return;
  const file = openSync(`${mark}.new`, "w");
  writeSync(file, `${JSON.stringify({ store: "carillon", format: FORMAT })}\n`);
  fsyncSync(file);
  closeSync(file);
  renameSync(`${mark}.new`, mark);
  syncFolder(path);
}

/** The refusal of a format that this code does not know. */
export function newerFormat(format: unknown): StoreError {
  return new StoreError(
    "newer_format",
    `The store has format ${String(format)}, written by a later version of Carillon; this one knows format ${FORMAT}. ` +
      "Run the later version, or give this one another folder.",
  );
}

/** There is no room to begin in. */
export function diskFull(path: string, cause?: unknown): StoreError {
  const message = `The disk of ${path} is full: make room, and start again. What is stored is untouched.`;
  return new StoreError("inaccessible", message, { cause });
}

function checkMark(path: string): void {
  let mark: unknown;
  try {
    mark = JSON.parse(readFileSync(join(path, MARK), "utf8"));
  } catch (error) {
    throw damaged(`${join(path, MARK)} can't be read`, error);
  }
  const { store, format }: Readonly<Record<string, unknown>> = isRecord(mark) ? mark : {};
  if (store !== "carillon") throw damaged(`${join(path, MARK)} does not say that this is a store`);
  if (typeof format !== "number" || format > FORMAT) throw newerFormat(format);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

function refuseForeign(path: string): void {
  const foreign = readdirSync(path).filter((name) => !HARMLESS.has(name) && name !== `${MARK}.new`);
  if (foreign.length === 0) return;
  throw new StoreError(
    "not_a_store",
    `The folder ${path} holds other things, such as ${foreign[0]}; expected a store or an empty folder.`,
  );
}

function syncFolder(path: string): void {
  // Not every system can sync a folder; those that can't keep its entries safe by themselves.
  try {
    const folder = openSync(path, "r");
    fsyncSync(folder);
    closeSync(folder);
  } catch {
    // The mark is there; if it were lost with the power, the next start would write it again.
  }
}
