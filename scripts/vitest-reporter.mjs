// The reporter that ends every test run with one line, `N passed, N failed[, N skipped]`, which tools and people can
// both read. It also keeps skips honest: each must say why (`ctx.skip("reason")`), and with CI=true each is a failure.

import { writeSync } from "node:fs";

/**
 * @typedef {import("vitest/node").Reporter} Reporter
 * @typedef {import("vitest/node").TestCase} TestCase
 * @typedef {import("vitest/node").TestModule} TestModule
 * @typedef {{ passed: number, failed: number, skipped: number }} Counts
 */

/** How many names are listed under one reason. */
const NAMES_SHOWN_MAX = 20;

const UNEXPLAINED = 'no reason given; say why with ctx.skip("reason") in the test or in a beforeEach';

/** @param {Counts} counts @returns {string} the closing line */
function closingLine({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}

/** @param {TestCase} test @returns {string} the file and the full name of a test */
function nameOf(test) {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/**
 * What a skipped test says about itself.
 * @param {TestCase} test
 * @returns {string | undefined}
 */
function skipReasonOf(test) {
  const result = test.result();
  return result.state === "skipped" ? result.note : undefined;
}

/** @implements {Reporter} */
export default class ClosingLineReporter {
  /** @type {Counts} */
  #counts = { passed: 0, failed: 0, skipped: 0 };

  #isFinished = false;

  constructor() {
    // Whatever vitest or a plugin still prints after a run comes before `exit`, so this line is the last one. A run
    // that failed without a failed test (no test found, a broken configuration, a crash) must not look like a success.
    process.once("exit", (code) => {
      const isBroken = code !== 0 || !this.#isFinished;
      if (isBroken && this.#counts.failed === 0) this.#counts.failed = 1;
      if (isBroken) process.exitCode = 1;
      writeSync(1, `${closingLine(this.#counts)}\n`);
    });
  }

  /**
   * @param {ReadonlyArray<TestModule>} modules
   * @param {ReadonlyArray<unknown>} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    this.#isFinished = true;
    // In watch mode each run starts from nothing.
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    this.#counts = counts;
    /** @type {TestCase[]} */
    const skipped = [];
    for (const module of modules) {
      counts.failed += brokenSuites(module);
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state === "passed") counts.passed += 1;
        else if (state === "skipped") skipped.push(test);
        else counts.failed += 1; // "failed", or "pending": a test that never ended.
      }
    }
    counts.skipped = skipped.length;
    this.#judgeSkipped(skipped, counts);
    if (counts.failed > 0) process.exitCode = 1;
  }

  /**
   * A skipped test says why, or it is a failure. Where everything must run (CI=true), every skip is a failure.
   * @param {readonly TestCase[]} skipped
   * @param {Counts} counts
   */
  #judgeSkipped(skipped, counts) {
    // `npm test -- -t name` leaves tests out on purpose; those carry no reason and need none.
    const isFiltered = process.argv.some((argument) => /^(-t|--testNamePattern)\b/.test(argument));
    for (const [reason, names] of groupByReason(skipped)) {
      if (reason === "" && isFiltered) continue;
      const isFailure = reason === "" || process.env["CI"] === "true";
      console.log(`\nSkipped${isFailure ? " (a failure)" : ""}: ${reason === "" ? UNEXPLAINED : reason}`);
      for (const name of names.slice(0, NAMES_SHOWN_MAX)) console.log(`  ${name}`);
      if (names.length > NAMES_SHOWN_MAX) console.log(`  and ${names.length - NAMES_SHOWN_MAX} more`);
      if (!isFailure) continue;
      counts.failed += names.length;
      counts.skipped -= names.length;
    }
  }
}

/**
 * @param {readonly TestCase[]} skipped
 * @returns {Map<string, string[]>} the names of the tests by what they say; "" when they say nothing
 */
function groupByReason(skipped) {
  /** @type {Map<string, string[]>} */
  const names = new Map();
  for (const test of skipped) {
    const reason = skipReasonOf(test) ?? "";
    const group = names.get(reason);
    if (group) group.push(nameOf(test));
    else names.set(reason, [nameOf(test)]);
  }
  return names;
}

/**
 * Files and suites that failed outside any test: an import that throws, a hook that fails.
 * @param {TestModule} module
 * @returns {number}
 */
function brokenSuites(module) {
  let broken = module.errors().length > 0 ? 1 : 0;
  for (const suite of module.children.allSuites()) if (suite.errors().length > 0) broken += 1;
  return broken;
}
