// The packages that are published.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { root } from "./process.mjs";

/**
 * @typedef {object} Package
 * @property {string} folder absolute
 * @property {string} name
 * @property {boolean} hasTypes whether it can be imported, not only run
 */

/** @returns {readonly Package[]} */
export function publishedPackages() {
  const parent = join(root, "packages");
  return readdirSync(parent)
    .map((entry) => ({ folder: join(parent, entry), manifest: readManifest(join(parent, entry)) }))
    .filter(({ manifest }) => manifest !== undefined && manifest.private !== true)
    .map(({ folder, manifest }) => ({
      folder,
      name: manifest.name,
      hasTypes: Object.values(manifest.exports ?? {}).some((entry) => entry?.types !== undefined),
    }));
}

/**
 * @param {string} folder
 * @returns {any} package.json, or nothing if the folder has none
 */
function readManifest(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return undefined;
  }
}
