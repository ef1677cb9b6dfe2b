import { mkdtemp, cp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lmdb } from "@carillon/lmdb";
import type { BackplaneContext, OpenBackplane } from "@carillon/server";

/** A folder that is gone when the test is. */
export class Folder implements AsyncDisposable {
  readonly path: string;
  readonly #copies: string[] = [];

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Folder> {
    return new Folder(await mkdtemp(join(tmpdir(), "carillon-lmdb-")));
  }

  /** Keeps a copy of the files; resolves to what puts it back, any number of times. */
  async copy(): Promise<() => Promise<void>> {
    const kept = await mkdtemp(join(tmpdir(), "carillon-copy-"));
    this.#copies.push(kept);
    await cp(this.path, kept, { recursive: true });
    return async () => {
      await rm(this.path, { recursive: true });
      await cp(kept, this.path, { recursive: true });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const path of [this.path, ...this.#copies]) await rm(path, { recursive: true, force: true });
  }
}

/** Opens the store in a folder. */
export function openStore(path: string, context: BackplaneContext): Promise<OpenBackplane> {
  return new Promise((resolve, reject) => {
    lmdb({ path }).open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}

/** Closes a store. */
export function closeStore(backplane: OpenBackplane): Promise<void> {
  return new Promise((resolve) => backplane.close(resolve));
}
