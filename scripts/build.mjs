// `npm run build`: types and JavaScript of every package (tsc -b tsconfig.build.json), then the pages that the `carillon` command serves.

import { build as bundle } from "esbuild";
import { cpSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { elapsed, root, run, tool } from "./process.mjs";
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

/** Bundles apps/chat into the package that serves it: src/main.ts(x) to main.js, and public/ as it is. */
async function bundleChat() {
  const app = join(root, "apps/chat");
  const out = join(root, "packages/carillon/dist/chat");
  const entry = ["main.tsx", "main.ts"].map((name) => join(app, "src", name)).find((path) => existsSync(path));
  if (entry === undefined) throw new Error("apps/chat has neither src/main.ts nor src/main.tsx.");
  rmSync(out, { recursive: true, force: true });
  await bundle({
    entryPoints: { main: entry },
    outdir: out,
    bundle: true,
    minify: true,
    sourcemap: true,
    format: "esm",
    target: "es2022",
    conditions: ["@carillon/source"],
    logLevel: "warning",
  });
  if (existsSync(join(app, "public"))) cpSync(join(app, "public"), out, { recursive: true });
}

const startMs = performance.now();
for (const { folder } of publishedPackages()) removeStaleOutputs(folder);
if (!run(...tool("typescript/bin/tsc", ["-b", "tsconfig.build.json"]))) process.exit(1);
await bundleChat();
console.log(`Built in ${elapsed(startMs)}.`);
