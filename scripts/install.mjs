// Is node_modules what package-lock.json says? If not, `npm ci`. Plain Node: it runs before anything is installed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { elapsed, npm, root, run } from "./process.mjs";

/** @typedef {{ version?: string, integrity?: string, link?: boolean, optional?: boolean }} LockEntry */

/**
 * @param {string} path
 * @returns {Record<string, LockEntry> | undefined} the packages of a lock file, or nothing if there is no such file
 */
function readLock(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), "utf8")).packages;
  } catch {
    return undefined;
  }
}

/**
 * Compares the lock with the record that npm leaves in node_modules when an installation is complete. That record is
 * the stamp: an interrupted installation leaves none, and a changed lock no longer agrees with it.
 * @returns {boolean}
 */
function isInstalled() {
  const wanted = readLock("package-lock.json");
  const present = readLock("node_modules/.package-lock.json");
  if (!wanted || !present) return false;
  return Object.entries(wanted).every(([path, want]) => {
    if (path === "") return true;
    const have = present[path];
    // Binaries for other platforms are in the lock and never here.
    if (!have) return want.optional === true;
    return have.version === want.version && have.integrity === want.integrity && have.link === want.link;
  });
}

/**
 * Installs exactly what the lock says, unless it is installed already.
 * @returns {boolean} whether node_modules is in order now
 */
export function install() {
  if (isInstalled()) return true;
  console.log("Installing packages (npm ci); this is needed once, and takes some ten seconds.");
  const startMs = performance.now();
  // The build needs the development tools too, whatever NODE_ENV says.
  const isOk = run(...npm(["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"]));
  console.log(isOk ? `Packages installed in ${elapsed(startMs)}.` : "npm ci failed; its message is above.");
  return isOk;
}
