// Is every package fit to be published? Each is packed as npm would, then publint reads the tarball (files, exports,
// fields) and attw resolves its types as users' compilers would. No network; dist/ must be built.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { publint } from "publint";
import { formatMessage } from "publint/utils";
import { capture, npm, tool } from "./process.mjs";
import { publishedPackages } from "./workspaces.mjs";

/** @typedef {import("./workspaces.mjs").Package} Package */

/**
 * @param {Package} entry
 * @param {string} destination a folder
 * @returns {string} the path of the tarball
 */
function pack({ folder, name }, destination) {
  const { isOk, stdout, output } = capture(
    ...npm(["pack", "--json", "--ignore-scripts", "--pack-destination", destination]),
    {
      cwd: folder,
    },
  );
  if (!isOk) throw new Error(`npm pack of ${name} failed:\n${output}`);
  return join(destination, JSON.parse(stdout)[0].filename);
}

/** @param {string} tarball @returns {Promise<string[]>} what publint says */
async function lint(tarball) {
  const bytes = readFileSync(tarball);
  const { messages, pkg } = await publint({
    strict: true,
    pack: { tarball: bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) },
  });
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`);
}

/** @param {Package} entry @param {string} tarball @returns {string[]} what attw says */
function resolveTypes({ hasTypes }, tarball) {
  if (!hasTypes) return [];
  const attw = tool("@arethetypeswrong/cli/dist/index.js", [
    tarball,
    "--profile",
    "esm-only",
    "--no-color",
    "--no-emoji",
  ]);
  const { isOk, output } = capture(...attw);
  return isOk ? [] : [`attw:\n${output}`];
}

const folder = mkdtempSync(join(tmpdir(), "carillon-pack-"));
try {
  for (const entry of publishedPackages()) {
    const tarball = pack(entry, folder);
    const problems = [...(await lint(tarball)), ...resolveTypes(entry, tarball)];
    const checks = entry.hasTypes ? "publint, attw" : "publint; it is a command, without types";
    console.log(problems.length === 0 ? `${entry.name}: fit to publish (${checks}).` : `${entry.name}:`);
    for (const problem of problems) console.log(`  ${problem}`);
    if (problems.length > 0) process.exitCode = 1;
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
