import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { damaged } from "./store-error.ts";

/**
 * What can be said about `data.mdb` before LMDB maps it. LMDB reads through the map, and a page that is beyond the end
 * of the file ends the process without a word; so a file that was cut short has to be found out first.
 *
 * The layout is that of the LMDB that lmdb 3.5 brings, little-endian, pages of 4,096 bytes or as the meta page says:
 *
 *     every page  number 8 │ commit 8 │ pad 2 │ flags 2 │ lower 2 │ upper 2
 *     0 and 1     then magic 4 │ version 4 │ address 8 │ map size 8 │ tree of free pages 48 │ main tree 48 │
 *                 last page 8 │ commit 8; the tree of free pages begins with the page size
 *     tree        … 40 │ root 8
 *     branch      then offsets 2 of nodes: page 6 │ key size 2 │ key
 *     leaf        then offsets 2 of nodes: data size 4 │ flags 2 │ key size 2 │ key │ data, or the page that it begins in,
 *                 or a tree
 */
const HEADER_BYTES = 24;
const FLAGS_AT = 18;
const LOWER_AT = 20;
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

interface Meta {
  readonly pageSize: number;
  readonly commit: bigint;
  readonly lastPage: number;
  readonly roots: readonly bigint[];
}

/**
 * Throws a `StoreError` if the file is cut short or does not begin as a data file does. `isStore`: it is known to have
 * been one, so that an empty file is not a new one.
 */
export function checkDataFile(path: string, isStore: boolean): void {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    if (size === 0 && !isStore) return;
    new DataFile(file, path, size).check();
  } finally {
    closeSync(file);
  }
}

class DataFile {
  readonly #file: number;
  readonly #path: string;
  readonly #size: number;

  constructor(file: number, path: string, size: number) {
    this.#file = file;
    this.#path = path;
    this.#size = size;
  }

  check(): void {
    const meta = this.#readMeta();
    for (const root of meta.roots) this.#readPage(root, meta);
    // Free pages at the end may never have been written. So a file that is too short is only cut short if a page that is
    // in use is missing; that takes a look at every page, which is not for every start.
    if ((meta.lastPage + 1) * meta.pageSize <= this.#size) return;
    const open = [...meta.roots];
    for (let page = open.pop(); page !== undefined; page = open.pop()) open.push(...this.#readPage(page, meta));
  }

  /** The newer of the two meta pages: LMDB writes them in turn, so that one is always whole. */
  #readMeta(): Meta {
    const first = this.#metaAt(0);
    const second = this.#metaAt(first?.pageSize ?? 0);
    if (first === null || second === null) throw damaged(`${this.#path} does not begin as a data file does`);
    return second.commit > first.commit ? second : first;
  }

  #metaAt(at: number): Meta | null {
    const page = this.#bytes(at, META_BYTES);
    const isMeta =
      page !== null &&
      (page.readUInt16LE(FLAGS_AT) & PageFlag.meta) !== 0 &&
      page.readUInt32LE(HEADER_BYTES) === MAGIC &&
      (page.readUInt32LE(HEADER_BYTES + 4) & 0xffff) === VERSION;
    if (!isMeta) return null;
    return {
      pageSize: page.readUInt32LE(FREE_TREE_AT),
      commit: page.readBigUInt64LE(COMMIT_AT),
      lastPage: Number(page.readBigUInt64LE(LAST_PAGE_AT)),
      roots: [FREE_TREE_AT, MAIN_TREE_AT].map((tree) => page.readBigUInt64LE(tree + ROOT_AT)).filter(isPage),
    };
  }

  /** The pages that a page leads to. Throws if it is not in the file, or not what it was. */
  #readPage(number: bigint, { pageSize }: Meta): bigint[] {
    const page = this.#bytes(Number(number) * pageSize, pageSize);
    if (page === null) throw damaged(`${this.#path} was cut short: it has ${this.#size} bytes, and more were written`);
    const flags = page.readUInt16LE(FLAGS_AT);
    const isBranch = (flags & PageFlag.branch) !== 0;
    const isTree = isBranch || (flags & PageFlag.leaf) !== 0;
    if (page.readBigUInt64LE(0) !== number || !isTree)
      throw damaged(`page ${number} of ${this.#path} is not what it was`);
    const pages: bigint[] = [];
    // Lower, and the offsets of nodes, count from the end of the header.
    for (let at = HEADER_BYTES; at < HEADER_BYTES + page.readUInt16LE(LOWER_AT); at += 2) {
      const node = HEADER_BYTES + page.readUInt16LE(at);
      if (isBranch) pages.push(BigInt(page.readUIntLE(node, 6)));
      else pages.push(...this.#leavesOf(page, node, pageSize));
    }
    return pages;
  }

  /** The trees that a node of a leaf leads to; of a value with pages of its own, only that they are there. */
  #leavesOf(page: Buffer, node: number, pageSize: number): bigint[] {
    const flags = page.readUInt16LE(node + 4);
    const data = node + NODE_BYTES + page.readUInt16LE(node + 6);
    if ((flags & NodeFlag.tree) !== 0) return [page.readBigUInt64LE(data + ROOT_AT)].filter(isPage);
    if ((flags & NodeFlag.overflow) === 0) return [];
    const end = Number(page.readBigUInt64LE(data)) * pageSize + HEADER_BYTES + page.readUInt32LE(node);
    if (end > this.#size)
      throw damaged(`${this.#path} was cut short: it has ${this.#size} bytes, and more were written`);
    return [];
  }

  #bytes(at: number, length: number): Buffer | null {
    const bytes = Buffer.alloc(length);
    return readSync(this.#file, bytes, 0, length, at) === length ? bytes : null;
  }
}

function isPage(root: bigint): boolean {
  return root !== NO_PAGE;
}
