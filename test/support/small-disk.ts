import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Why there can be no disk here. */
export const NO_DISK = "Mounting a small disk takes root, ext4 and loop devices; run as root on Linux.";

/**
 * A disk of its own for a test: a file system in a file. What was written and not synced is in memory alone; so a copy
 * of the file is what a power cut at this moment would leave behind.
 */
export class SmallDisk implements Disposable {
  /** Where it is mounted. */
  readonly path: string;
  readonly #folder: string;
  readonly #image: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#image = join(folder, "image");
    this.path = join(folder, "disk");
  }

  /** Makes and mounts one; null where that is not permitted. */
  static mount(bytes: number): SmallDisk | null {
    const folder = mkdtempSync(join(tmpdir(), "carillon-disk-"));
    const disk = new SmallDisk(folder);
    mkdirSync(disk.path);
    writeFileSync(disk.#image, "");
    truncateSync(disk.#image, bytes);
    if (run("mkfs.ext4", "-q", "-F", disk.#image) && disk.#mount()) return disk;
    rmSync(folder, { recursive: true });
    return null;
  }

  /** Cuts the power and switches it on again. Whoever has files open has been killed before. */
  cutPower(): void {
    const left = join(this.#folder, "left");
    copyFileSync(this.#image, left);
    this.#unmount();
    renameSync(left, this.#image);
    if (!this.#mount()) throw new Error("Expected the disk to be mounted again.");
  }

  [Symbol.dispose](): void {
    this.#unmount();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #mount(): boolean {
    return run("mount", "-o", "loop", this.#image, this.path);
  }

  #unmount(): void {
    run("umount", this.path);
  }
}

function run(program: string, ...args: readonly string[]): boolean {
  return spawnSync(program, args).status === 0;
}
