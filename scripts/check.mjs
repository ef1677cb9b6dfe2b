// `npm run check`: everything that can be said about the code without running it. Runs every step, then tells which
// failed. Runs no tests.
//
//   npm run check                 all steps
//   npm run check -- lint size    some of them

import { elapsed, run, tool } from "./process.mjs";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {string} what
 * @property {ReadonlyArray<[command: string, args: string[]]>} commands
 */

/** @param {string} name @returns {[command: string, args: string[]]} */
const script = (name) => [process.execPath, [`scripts/${name}`]];

/** @type {readonly Step[]} */
const STEPS = [
  {
    name: "types",
    what: "packages, then tests, benchmarks, examples and scripts",
    // Not only tsc -b: the package checks look at everything that would be published, pages included.
    commands: [script("build.mjs"), tool("typescript/bin/tsc", ["-p", "tsconfig.test.json"])],
  },
  {
    name: "lint",
    what: "oxlint with types; layers and the synchronous core",
    commands: [
      tool("oxlint/bin/oxlint", ["--type-aware", "--report-unused-disable-directives", "--deny-warnings"]),
      script("lint-layers.mjs"),
    ],
  },
  { name: "format", what: "oxfmt; `npm run format` mends it", commands: [tool("oxfmt/bin/oxfmt", ["--check", "."])] },
  {
    name: "unused",
    what: "knip: files, exports and dependencies without a use",
    commands: [tool("knip/bin/knip.js", ["--no-config-hints"])],
  },
  { name: "packages", what: "publint and types-resolution of every package", commands: [script("check-packages.mjs")] },
  {
    name: "size",
    what: "of the client, and of the first load of the chat",
    commands: [script("check-size.mjs"), script("check-page-size.mjs")],
  },
];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !STEPS.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(`No such step: ${unknown.join(", ")}. There are ${STEPS.map((step) => step.name).join(", ")}.`);
  process.exit(2);
}

/** @type {string[]} */
const failed = [];
for (const { name, what, commands } of STEPS.filter((step) => wanted.length === 0 || wanted.includes(step.name))) {
  console.log(`\n== ${name}: ${what}`);
  const startMs = performance.now();
  // Every command runs, so that one reading shows all there is to mend.
  const isOk = commands.map((command) => run(...command)).every(Boolean);
  if (!isOk) failed.push(name);
  console.log(`== ${name}: ${isOk ? "ok" : "FAILED"}, ${elapsed(startMs)}`);
}
console.log(failed.length === 0 ? "\nAll checks passed." : `\nFailed: ${failed.join(", ")}.`);
if (failed.length > 0) process.exitCode = 1;
