// The size of the client as an application bundles it: every export, protocol included, minified, gzip -9.
// It reads dist/, which is what is published; `npm run check` builds it first.

import { build } from "esbuild";
import { gzipSync } from "node:zlib";
import { root } from "./process.mjs";

const LIMIT_BYTES = 10_000;

/** @param {string} code what an application imports @returns {Promise<number>} bytes, gzip */
async function gzipBytes(code) {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "browser",
    legalComments: "none",
    write: false,
    logLevel: "warning",
  });
  const [bundle] = outputFiles;
  if (bundle === undefined) throw new Error("esbuild made no bundle of @carillon/client.");
  return gzipSync(bundle.contents, { level: 9 }).byteLength;
}

const bytes = await gzipBytes('export * from "@carillon/client";');
const isWithin = bytes <= LIMIT_BYTES;
console.log(`@carillon/client: ${bytes} bytes, at most ${LIMIT_BYTES} (gzip -9, minified, es2022, protocol included).`);
if (!isWithin) {
  console.log(`That is ${bytes - LIMIT_BYTES} bytes too many.`);
  process.exitCode = 1;
}
