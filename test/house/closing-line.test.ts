import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

interface Run {
  readonly lastLine: string | undefined;
  readonly output: string;
  readonly status: number | null;
}

/** Runs a test file of its own under the reporter of the project. */
function runTests(body: string, { isCi = false, args = [] as readonly string[] } = {}): Run {
  const folder = mkdtempSync(join(tmpdir(), "carillon-closing-line-"));
  try {
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const reporters = ["default", join(root, "scripts/vitest-reporter.mjs")];
    writeFileSync(join(folder, "vitest.config.mjs"), `export default { test: ${JSON.stringify({ reporters })} };`);
    writeFileSync(join(folder, "a.test.mjs"), `import { expect, it, describe, beforeEach } from "vitest";\n${body}`);
    const vitest = join(root, "node_modules/vitest/vitest.mjs");
    const env = { ...process.env, CI: isCi ? "true" : "" };
    const { stdout, stderr, status } = spawnSync(process.execPath, [vitest, "run", ...args], {
      cwd: folder,
      encoding: "utf8",
      env,
    });
    return { lastLine: stdout.trimEnd().split("\n").at(-1), output: stdout + stderr, status };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const PASS = `it("passes", () => { expect(1).toBe(1); });\n`;
const FAIL = `it("fails", () => { expect(1).toBe(2); });\n`;
const SKIP = `it("needs a broker", (context) => { context.skip("Redis is not installed"); });\n`;

describe("the last line of a test run", () => {
  it("counts what passed, and the run succeeds", () => {
    expect(runTests(PASS)).toMatchObject({ lastLine: "1 passed, 0 failed", status: 0 });
  });

  it("counts what failed, and the run fails", () => {
    expect(runTests(PASS + FAIL)).toMatchObject({ lastLine: "1 passed, 1 failed", status: 1 });
  });

  it("counts skipped tests, whose reason is printed", () => {
    const run = runTests(PASS + SKIP);
    expect(run).toMatchObject({ lastLine: "1 passed, 0 failed, 1 skipped", status: 0 });
    expect(run.output).toContain("Skipped: Redis is not installed\n  a.test.mjs > needs a broker");
  });

  it("counts a skipped test as failed where everything must run", () => {
    expect(runTests(PASS + SKIP, { isCi: true })).toMatchObject({ lastLine: "1 passed, 1 failed", status: 1 });
  });

  it("counts a test that is skipped without a reason as failed", () => {
    const run = runTests(`${PASS}it.skip("is out of order", () => {});\n`);
    expect(run).toMatchObject({ lastLine: "1 passed, 1 failed", status: 1 });
  });

  it("takes the reason of a suite from a beforeEach", () => {
    const suite = `describe("Redis", () => { beforeEach((context) => context.skip("no Redis")); ${PASS}${FAIL} });`;
    expect(runTests(suite)).toMatchObject({ lastLine: "0 passed, 0 failed, 2 skipped", status: 0 });
  });

  it("asks for no reason where a name was given", () => {
    const run = runTests(`${PASS}it("other", () => { expect(1).toBe(1); });`, { args: ["-t", "passes"] });
    expect(run).toMatchObject({ lastLine: "1 passed, 0 failed, 1 skipped", status: 0 });
  });

  it("counts a file that can't be loaded, a broken hook and a stray rejection", () => {
    expect(runTests(`throw new Error("at import");`)).toMatchObject({ lastLine: "0 passed, 1 failed", status: 1 });
    const stray = `it("passes", () => { void Promise.reject(new Error("stray")); expect(1).toBe(1); });`;
    expect(runTests(stray)).toMatchObject({ lastLine: "1 passed, 1 failed", status: 1 });
    const hook = `describe("broken", () => { beforeAll(() => { throw new Error("hook"); }); ${PASS} });`;
    expect(runTests(`import { beforeAll } from "vitest";\n${hook}`)).toMatchObject({ status: 1 });
  });

  it("is there, and tells of a failure, when no test was found", () => {
    expect(runTests(PASS, { args: ["no-such-file"] })).toMatchObject({ lastLine: "0 passed, 1 failed", status: 1 });
  });
});
