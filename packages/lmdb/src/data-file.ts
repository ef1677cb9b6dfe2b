import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { damaged } from "./store-error.ts";

/**
 * What can be said about `data.mdb` before LMDB maps it. LMDB believes what it reads: a page that is beyond the end of
 * the file, or is not what it should be, ends the process without a word. So a file that was cut short or torn has to
 * be found out first.
 *
 * The layout is that of the LMDB that lmdb 3.5 brings, little-endian, pages of 4,096 bytes or as the meta page says:
 *
 *     every page  number 8 │ commit 8 │ pad 2 │ flags 2 │ lower 2 │ upper 2; what follows counts from here
 *     0 and 1     magic 4 │ version 4 │ address 8 │ map size 8 │ tree of free pages 48 │ main tree 48 │ last page 8 │
 *                 commit 8; the tree of free pages begins with the page size
 *     tree        … 40 │ root 8
 *     branch      offsets 2 of nodes up to lower, free up to upper, nodes: page 6 │ key size 2 │ key
 *     leaf        the same, nodes: data size 4 │ flags 2 │ key size 2 │ key │ data, or where it begins 8, or a tree 48
 */
const HEADER_BYTES = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
const UPPER_AT = 22;
const PageFlag = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;
const NodeFlag = { overflow: 1, tree: 2 } as const;
const NODE_BYTES = 8;

const MAGIC = 0xbeefc0de;
const VERSION = 2;
const TREE_BYTES = 48;
const ROOT_AT = 40;
const FREE_TREE_AT = HEADER_BYTES + 24;
const MAIN_TREE_AT = FREE_TREE_AT + TREE_BYTES;
const LAST_PAGE_AT = MAIN_TREE_AT + TREE_BYTES;
const COMMIT_AT = LAST_PAGE_AT + 8;
const META_BYTES = COMMIT_AT + 8;
const NO_PAGE = 0xffff_ffff_ffff_ffffn;

/** For how long a start may be held up by looking at pages: enough for about a gigabyte that the system has cached. */
const BUDGET_MS = 500;
/** Pages between two looks at the clock. */
const STRIDE = 1_024;

interface Meta {
  readonly pageSize: number;
  readonly commit: bigint;
  readonly lastPage: number;
  readonly roots: readonly number[];
}

/**
 * Throws a `StoreError` if the file is cut short, does not begin as a data file does, or has a page in use that is not
 * what it was: of large files, as far as half a second goes. `isStore`: it is known to have been one, so that an empty file
 * is not a new one. While somebody writes to the file, what it throws means nothing.
 */
export function checkDataFile(path: string, isStore: boolean): void {
  withDataFile(path, (file) => {
    if (file.size > 0 || isStore) file.check();
  });
}

/** The number of the last commit, null if the file does not say. It changes when somebody writes to the file. */
export function lastCommit(path: string): bigint | null {
  try {
    return withDataFile(path, (file) => file.readMeta().commit);
  } catch {
    return null;
  }
}

function withDataFile<T>(path: string, work: (file: DataFile) => T): T {
  const file = openSync(path, "r");
  try {
    return work(new DataFile(file, path, fstatSync(file).size));
  } finally {
    closeSync(file);
  }
}

class DataFile {
  readonly size: number;
  readonly #file: number;
  readonly #path: string;
  #page: Buffer = Buffer.alloc(0);

  constructor(file: number, path: string, size: number) {
    this.size = size;
    this.#file = file;
    this.#path = path;
  }

  check(): void {
    const meta = this.readMeta();
    this.#page = Buffer.alloc(meta.pageSize);
    // Free pages at the end may never have been written. So a file that is too short is only cut short if a page that is
    // in use is missing, and that takes a look at all of them.
    const isShort = (meta.lastPage + 1) * meta.pageSize > this.size;
    const endMs = isShort ? Infinity : performance.now() + BUDGET_MS;
    const open = [...meta.roots];
    for (let count = 1; open.length > 0; count++) {
      this.#readPage(open.pop() ?? 0, open);
      if (count % STRIDE === 0 && performance.now() > endMs) return;
    }
  }

  /** The newer of the two meta pages: LMDB writes them in turn, so that one is always whole. */
  readMeta(): Meta {
    const first = this.#metaAt(0);
    const second = this.#metaAt(first?.pageSize ?? 0);
    if (first === null || second === null) throw damaged(`${this.#path} does not begin as a data file does`);
    return second.commit > first.commit ? second : first;
  }

  #metaAt(at: number): Meta | null {
    const page = Buffer.alloc(META_BYTES);
    const isMeta =
      readSync(this.#file, page, 0, META_BYTES, at) === META_BYTES &&
      (page.readUInt16LE(FLAGS_AT) & PageFlag.meta) !== 0 &&
      page.readUInt32LE(HEADER_BYTES) === MAGIC &&
      (page.readUInt32LE(HEADER_BYTES + 4) & 0xffff) === VERSION;
    const pageSize = page.readUInt32LE(FREE_TREE_AT);
    if (!isMeta || pageSize < 512 || pageSize > 65_536) return null;
    const roots = [FREE_TREE_AT, MAIN_TREE_AT].flatMap((tree) => rootOf(page, tree));
    const commit = page.readBigUInt64LE(COMMIT_AT);
    return { pageSize, commit, lastPage: Number(page.readBigUInt64LE(LAST_PAGE_AT)), roots };
  }

  /** Adds the pages that a page of a tree leads to. */
  #readPage(number: number, pages: number[]): void {
    const page = this.#page;
    const length = page.length;
    if (readSync(this.#file, page, 0, length, number * length) !== length) throw this.#cutShort();
    const flags = page.readUInt16LE(FLAGS_AT);
    const isBranch = (flags & PageFlag.branch) !== 0;
    const lower = page.readUInt16LE(LOWER_AT);
    const upper = page.readUInt16LE(UPPER_AT);
    const isTree = isBranch || (flags & PageFlag.leaf) !== 0;
    if (page.readUIntLE(0, 6) !== number || !isTree || lower > upper || upper > length - HEADER_BYTES) {
      throw this.#torn(number);
    }
    for (let at = HEADER_BYTES; at < HEADER_BYTES + lower; at += 2) {
      const node = HEADER_BYTES + page.readUInt16LE(at);
      if (node < HEADER_BYTES + upper || node + NODE_BYTES > length) throw this.#torn(number);
      const keySize = page.readUInt16LE(node + 6);
      const data = node + NODE_BYTES + keySize;
      // Only the first node of a branch has no key.
      if (data > length || (keySize === 0 && (!isBranch || at > HEADER_BYTES))) throw this.#torn(number);
      if (isBranch) pages.push(page.readUIntLE(node, 6));
      else this.#readLeaf(number, node, data, pages);
    }
  }

  /** Adds the trees that a node of a leaf leads to; what has pages of its own has to be there. */
  #readLeaf(number: number, node: number, data: number, pages: number[]): void {
    const page = this.#page;
    const size = page.readUInt32LE(node);
    const flags = page.readUInt16LE(node + 4);
    const isElsewhere = (flags & NodeFlag.overflow) !== 0;
    if (data + (isElsewhere ? 8 : size) > page.length) throw this.#torn(number);
    if (isElsewhere && page.readUIntLE(data, 6) * page.length + HEADER_BYTES + size > this.size) throw this.#cutShort();
    if ((flags & NodeFlag.tree) !== 0 && size >= TREE_BYTES) pages.push(...rootOf(page, data));
  }

  #cutShort(): Error {
    return damaged(`${this.#path} was cut short: it has ${this.size} bytes, and more were written`);
  }

  #torn(number: number): Error {
    return damaged(`page ${number} of ${this.#path} is not what it was`);
  }
}

/** The root of a tree, none if it is empty. */
function rootOf(page: Buffer, tree: number): number[] {
  const root = page.readBigUInt64LE(tree + ROOT_AT);
  return root === NO_PAGE ? [] : [Number(root)];
}
