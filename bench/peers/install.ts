import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Peers that are too large for everybody's `npm ci` are installed here when they are first measured. */
const FOLDER = fileURLToPath(new URL("../.peers/", import.meta.url));

/** Where a package's files are; or why it can't be had. */
export type Installed = { readonly folder: string } | { readonly missing: string };

/** Installs one exact version of a package from the registry, beside the workspace and without its lock file. */
export function installPackage(name: string, version: string): Installed {
  // A place for each, or npm would take the one away when it installs the other.
  const place = `${FOLDER}${name.replaceAll("/", "+")}/`;
  const folder = `${place}node_modules/${name}/`;
  if (versionIn(folder) === version) return { folder };
  mkdirSync(place, { recursive: true });
  // A manifest of its own keeps npm from taking the workspace for the place to install to.
  writeFileSync(`${place}package.json`, JSON.stringify({ private: true }));
  console.error(`Installing ${name}@${version} for the bench, once.`);
  const args = [
    "install",
    "--no-save",
    "--no-package-lock",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    `${name}@${version}`,
  ];
  const { status, stderr } = spawnSync("npm", args, { cwd: place, encoding: "utf8" });
  if (status === 0 && versionIn(folder) === version) return { folder };
  return { missing: `npm could not install ${name}@${version}: ${stderr.trim().split("\n").at(-1) ?? ""}` };
}

function versionIn(folder: string): string | null {
  const path = `${folder}package.json`;
  if (!existsSync(path)) return null;
  const manifest: unknown = JSON.parse(readFileSync(path, "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : null;
}

/** Installs Debian packages where we may: as root on Debian. Returns why a program is still missing, or null. */
export function installDebian(program: string, packages: readonly string[]): string | null {
  if (hasProgram(program)) return null;
  const hint = `on Debian, as root: apt-get install ${packages.join(" ")}`;
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) return `${program} is not installed; ${hint}`;
  console.error(`Installing ${packages.join(" ")} for the bench (apt-get), once.`);
  const install = (): boolean => apt(["install", "-y", "--no-install-recommends", ...packages]);
  if (!install()) {
    apt(["update"]);
    install();
  }
  return hasProgram(program) ? null : `apt-get could not install ${packages.join(" ")}`;
}

function hasProgram(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

/** The packages must not start services (RUNLEVEL): the bench starts what it measures. */
function apt(args: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  return spawnSync("apt-get", [...args, "-qq"], { env }).status === 0;
}
