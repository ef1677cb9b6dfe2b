// `npm run build`: types and JavaScript of every package (tsc -b tsconfig.build.json), then the pages that the `carillon` command serves.

import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { elapsed, run, tool } from "./process.mjs";
import { publishedPackages } from "./workspaces.mjs";

/** Outputs of the compiler, so that `x.d.ts.map` is traced back to `x.ts`. */
const COMPILED = /(?:\.d\.ts|\.js)(?:\.map)?$/;

/**
 * Removes what the compiler emitted for sources that are gone; tsc -b leaves it, and it would be published.
 * @param {string} folder a package
 */
function removeStaleOutputs(folder) {
  const dist = join(folder, "dist");
  if (!existsSync(dist)) return;
  for (const entry of readdirSync(dist, { recursive: true, encoding: "utf8" })) {
    if (!COMPILED.test(entry) || entry.startsWith("chat")) continue;
    const source = join(folder, "src", entry.replace(COMPILED, ".ts"));
    if (!existsSync(source)) rmSync(join(dist, entry));
  }
}

const startMs = performance.now();
for (const { folder } of publishedPackages()) removeStaleOutputs(folder);
if (!run(...tool("typescript/bin/tsc", ["-b", "tsconfig.build.json"]))) process.exit(1);
// Whoever starts this may be a test, or have a shell for development: the page would come with React's checks, half as
// large again and several times as slow.
process.env["NODE_ENV"] = "production";
// The page of apps/chat goes into the package that serves it; its vite.config.ts says where.
if (!run(...tool("vite/bin/vite.js", ["build", "apps/chat", "--logLevel", "warn"]))) process.exit(1);
console.log(`Built in ${elapsed(startMs)}.`);
