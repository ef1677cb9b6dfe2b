import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Another revision of the repository, built, in a folder of its own that goes when it is disposed of. */
export class Revision implements Disposable {
  /** Its root. */
  readonly folder: string;
  /** The commit. */
  readonly commit: string;

  /** Checks a revision out, links what is installed here to it, and builds it. Throws when one of these fails. */
  constructor(name: string) {
    this.commit = run("git", ["rev-parse", "--short", "--verify", `${name}^{commit}`], ROOT).trim();
    this.folder = mkdtempSync(join(tmpdir(), "carillon-revision-"));
    try {
      run("git", ["worktree", "add", "--detach", "--force", this.folder, this.commit], ROOT);
      linkModules(ROOT, this.folder);
      // The servers of the bench are today's for both: what differs is what they are servers of.
      cpSync(join(ROOT, "bench/servers"), join(this.folder, "bench/servers"), { recursive: true });
      run(process.execPath, ["scripts/build.mjs"], this.folder);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
    spawnSync("git", ["worktree", "prune"], { cwd: ROOT });
  }
}

/** Every installed package by a link, but those of the workspace, which are the revision's own. */
function linkModules(from: string, to: string): void {
  const folders = [
    "",
    ...["packages", "apps", "examples"].flatMap((group) => names(join(from, group)).map((name) => join(group, name))),
    "bench",
    "test",
  ];
  for (const folder of folders) {
    const modules = join(from, folder, "node_modules");
    if (!existsSync(modules) || !existsSync(join(to, folder))) continue;
    for (const name of names(modules)) {
      const [source, target] = [join(modules, name), join(to, folder, "node_modules", name)];
      if (name.startsWith(".")) continue;
      if (name !== "@carillon") {
        mkdirSync(join(target, ".."), { recursive: true });
        symlinkSync(source, target);
      }
    }
  }
  linkWorkspace(to);
}

function linkWorkspace(to: string): void {
  const scope = join(to, "node_modules/@carillon");
  mkdirSync(scope, { recursive: true });
  for (const name of names(join(to, "packages"))) {
    if (name === "carillon") continue;
    symlinkSync(relative(scope, join(to, "packages", name)), join(scope, name));
  }
}

function names(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function run(program: string, args: readonly string[], cwd: string): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}
