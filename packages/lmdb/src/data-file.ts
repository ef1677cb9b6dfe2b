import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { damaged } from "./store-error.ts";

/**
 * What can be said about `data.mdb` before LMDB maps it. LMDB reads through the map, and a page that is beyond the end
 * of the file ends the process without a word; so a file that was cut short has to be found out first.
 *
 * The layout is that of the LMDB that lmdb 3.5 brings, little-endian, pages of 4,096 bytes or as the meta page says:
 *
 *     page 0, 1   meta: 24 bytes of page header, then
 *                 magic 4 │ version 4 │ address 8 │ map size 8 │ tree of free pages 48 │ main tree 48 │ last page 8 │
 *                 commit 8; the first field of the tree of free pages is the page size, the last of a tree its root
 *     any other   number 8 │ commit 8 │ pad 2 │ flags 2 │ lower 2 │ upper 2 │ nodes or data
 */
const META_AT = 24;
const MAGIC = 0xbeefc0de;
const VERSION = 2;
const PAGE_SIZE_AT = META_AT + 24;
const FREE_ROOT_AT = META_AT + 24 + 40;
const MAIN_ROOT_AT = FREE_ROOT_AT + 48;
const LAST_PAGE_AT = MAIN_ROOT_AT + 8;
const COMMIT_AT = LAST_PAGE_AT + 8;
const META_BYTES = COMMIT_AT + 8;
const META_FLAG = 0x08;
const FLAGS_AT = 18;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

interface Meta {
  readonly pageSize: number;
  readonly commit: bigint;
  readonly lastPage: number;
  readonly roots: readonly number[];
}

/**
 * Throws a `StoreError` if the file is cut short or does not begin as an LMDB file does. `isStore`: it is known to have
 * been one, so that an empty file is not a new one.
 */
export function checkDataFile(path: string, isStore: boolean): void {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size === 0 && !isStore) return;
    const meta = readMeta(file, path, size);
    const pages = Math.floor(size / meta.pageSize);
    for (const root of meta.roots) checkRoot(file, path, root, pages, meta.pageSize);
    if (meta.lastPage >= pages) {
      const wanted = (meta.lastPage + 1) * meta.pageSize;
      throw damaged(`${path} has ${size} bytes, ${wanted} were written`);
    }
  } finally {
    closeSync(file);
  }
}

/** The newer of the two meta pages: LMDB writes them in turn, so that one is always whole. */
function readMeta(file: number, path: string, size: number): Meta {
  const first = metaAt(file, 0);
  const second = metaAt(file, first?.pageSize ?? 4_096);
  if (first === null || second === null || size < first.pageSize * 2) {
    throw damaged(`${path} does not begin as a data file does`);
  }
  return second.commit > first.commit ? second : first;
}

function metaAt(file: number, at: number): Meta | null {
  const page = Buffer.alloc(META_BYTES);
  const isWhole = readSync(file, page, 0, META_BYTES, at) === META_BYTES;
  const isMeta =
    isWhole &&
    (page.readUInt16LE(FLAGS_AT) & META_FLAG) !== 0 &&
    page.readUInt32LE(META_AT) === MAGIC &&
    (page.readUInt32LE(META_AT + 4) & 0xffff) === VERSION;
  if (!isMeta) return null;
  const roots = [FREE_ROOT_AT, MAIN_ROOT_AT].map((rootAt) => page.readBigUInt64LE(rootAt));
  return {
    pageSize: page.readUInt32LE(PAGE_SIZE_AT),
    commit: page.readBigUInt64LE(COMMIT_AT),
    lastPage: Number(page.readBigUInt64LE(LAST_PAGE_AT)),
    roots: roots.filter((root) => root !== NO_PAGE).map(Number),
  };
}

/** A root is in the file, and says of itself that it is that page. */
function checkRoot(file: number, path: string, root: number, pages: number, pageSize: number): void {
  const page = Buffer.alloc(24);
  const isThere = root < pages && readSync(file, page, 0, page.length, root * pageSize) === page.length;
  if (!isThere || Number(page.readBigUInt64LE(0)) !== root) throw damaged(`page ${root} of ${path} is not what it was`);
}
