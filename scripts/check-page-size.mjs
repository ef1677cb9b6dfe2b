// The size of the chat as a browser loads it first: the scripts and style sheets that index.html names, gzip -9. What
// is loaded later (the emoji picker) does not count. It builds the page in memory.

import { build } from "vite";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { root } from "./process.mjs";

const SCRIPT_LIMIT_BYTES = 120_000;

const result = await build({
  root: join(root, "apps/chat"),
  logLevel: "warn",
  build: { write: false, sourcemap: false },
});
if (!("output" in result)) throw new Error("Vite made no single bundle of apps/chat.");
const files = new Map(
  result.output.map((file) => [file.fileName, file.type === "chunk" ? file.code : Buffer.from(file.source)]),
);
const page = String(files.get("index.html") ?? "");
const first = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)].map((match) => match[1] ?? "");
let scriptBytes = 0;
for (const name of first) {
  const bytes = gzipSync(files.get(name) ?? "", { level: 9 }).byteLength;
  if (name.endsWith(".js")) scriptBytes += bytes;
  console.log(`${name}: ${bytes} bytes`);
}
const isWithin = scriptBytes > 0 && scriptBytes <= SCRIPT_LIMIT_BYTES;
console.log(`First load of the chat: ${scriptBytes} bytes of JavaScript, at most ${SCRIPT_LIMIT_BYTES} (gzip -9).`);
if (!isWithin) process.exitCode = 1;
