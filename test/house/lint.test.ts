import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** Offending sources, in the layout of the workspace; each is named for its offence. */
const OFFENDERS = {
  // Who may import whom.
  "packages/server/src/hub/imports-session.ts": `export { session } from "../session/clean.ts";`,
  "packages/server/src/hub/imports-backplane-value.ts": `export { log } from "../backplane/clean.ts";`,
  "packages/server/src/core/imports-node.ts": `export { readFileSync } from "node:fs";`,
  "packages/server/src/session/imports-package.ts": `export { WebSocket } from "ws";`,
  "packages/server/src/session/imports-lazily.ts": `export const load = (): unknown => import("../node.ts");`,
  "packages/server/src/node.ts": `export { memory } from "./backplane/memory.ts";`,
  "packages/server/src/plugins/unlisted.ts": `export const plugin = 1;`,
  "packages/protocol/src/imports-up.ts": `export { connect } from "@carillon/client";`,
  "packages/client/src/imports-server.ts": `export type { Carillon } from "@carillon/server";`,
  "test/integration/reaches-in.ts": `export { hub } from "../../packages/server/src/hub/clean.ts";`,
  "bench/reaches-in-by-name.ts": `export { hub } from "@carillon/server/src/hub/clean.ts";`,
  // The synchronous core.
  "packages/server/src/session/uses-date.ts": `export const now = (): number => Date.now();`,
  "packages/server/src/hub/uses-timer.ts": `export const later = (f: () => void): unknown => setTimeout(f, 1);`,
  "packages/server/src/policy/uses-promise.ts": `export const done = (): unknown => Promise.resolve();`,
  "packages/server/src/core/uses-random.ts": `export const dice = (): number => Math.random();`,
  "packages/client/src/core/uses-timeout.ts": `export const limit = (): unknown => AbortSignal.timeout(5);`,
  "packages/client/src/core/uses-crypto.ts": `export const id = (): string => crypto.randomUUID();`,
  "packages/server/src/session/is-async.ts": `export async function connect(): Promise<void> {}`,
  "packages/server/src/session/uses-then.ts": `export const wait = (p: PromiseLike<void>): unknown => p.then(() => 1);`,
  "packages/server/src/session/uses-once.ts": `export const on = (e: { once(f: () => void): void }): void => e.once(on);`,
  "packages/server/src/backplane/has-module-state.ts": `let count = 0;\nexport const next = (): number => ++count;`,
  "packages/server/src/core/has-cache.ts": `const seen = new Set<string>();\nexport const add = (id: string): unknown => seen.add(id);`,
  // Shape.
  "packages/server/src/transport/long-file.ts": lines(301, (n) => `export const value${n} = ${n};`),
  "packages/server/src/transport/long-function.ts": `export function long(f: (n: number) => void): void {\n${lines(60, (n) => `  f(${n});`)}\n}`,
  "packages/server/src/transport/NotKebab.ts": `export const kebab = 1;`,
  "packages/server/src/transport/cycle-a.ts": `import { b } from "./cycle-b.ts";\nexport const a = (): unknown => b;`,
  "packages/server/src/transport/cycle-b.ts": `import { a } from "./cycle-a.ts";\nexport const b = (): unknown => a;`,
  "packages/server/src/transport/floats.ts": `export function start(run: () => Promise<void>): void {\n  run();\n}`,
  "packages/server/src/transport/misses-case.ts": `export function sign(kind: "log" | "state"): number {\n  switch (kind) {\n    case "log":\n      return 1;\n  }\n  return 0;\n}`,
} as const;

/** Sources that keep every rule, some by a hair. */
const CLEAN = {
  "packages/server/src/hub/clean.ts": `import type { Log } from "../backplane/clean.ts";\nexport const hub = (log: Log): Log => log;`,
  "packages/server/src/backplane/clean.ts": `export interface Log {\n  readonly size: number;\n}\nexport const log: Log = { size: 1 };`,
  "packages/server/src/backplane/memory.ts": `export { log as memory } from "./clean.ts";`,
  "packages/server/src/session/clean.ts": `export const session = (): void => undefined;`,
  "packages/server/src/session/command/deep.ts": `export { session } from "../clean.ts";\nexport type { Log } from "../../hub/types.ts";`,
  "packages/server/src/hub/types.ts": `export type { Log } from "../backplane/clean.ts";`,
  "packages/server/src/server.ts": `export { memory } from "./backplane/memory.ts";\nexport { readFileSync } from "node:fs";`,
  "packages/server/src/transport/adapter.ts": `export const now = (): number => Date.now();\nexport const wait = async (p: Promise<void>): Promise<void> => p;`,
  "packages/server/src/hub/clean.test.ts": `export const now = (): number => Date.now();\nexport { memory } from "../backplane/memory.ts";`,
  "packages/server/src/transport/full-file.ts": `// A comment, and then a blank line, count for nothing.\n\n${lines(300, (n) => `export const value${n} = ${n};`)}`,
  "packages/server/src/transport/full-function.ts": `export function full(f: (n: number) => void): void {\n${lines(58, (n) => `  f(${n});`)}\n}`,
} as const;

function lines(count: number, line: (index: number) => string): string {
  return Array.from({ length: count }, (_, index) => line(index)).join("\n");
}

/** What a linter said about each file; the folder, the same for all, is left out. */
function lint(folder: string, program: string, args: readonly string[]): { output: string; status: number | null } {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, program), ...args], {
    cwd: folder,
    encoding: "utf8",
  });
  return { output: `${stdout}${stderr}`, status };
}

function writeWorkspace(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "carillon-lint-"));
  copyFileSync(join(root, ".oxlintrc.json"), join(folder, ".oxlintrc.json"));
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  copyFileSync(join(root, "tsconfig.base.json"), join(folder, "tsconfig.json"));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), `${text}\n`);
  }
  return folder;
}

function lintWorkspace(files: Readonly<Record<string, string>>): { report: readonly string[]; statuses: unknown[] } {
  const folder = writeWorkspace(files);
  try {
    const oxlint = lint(folder, "node_modules/oxlint/bin/oxlint", ["--type-aware", "--format", "unix", "."]);
    const layers = lint(folder, "scripts/lint-layers.mjs", [folder]);
    const report = `${oxlint.output}\n${layers.output}`.split("\n");
    return { report, statuses: [oxlint.status, layers.status] };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe("the linters refuse", () => {
  let report: readonly string[] = [];
  let statuses: unknown[] = [];
  beforeAll(() => {
    ({ report, statuses } = lintWorkspace({ ...CLEAN, ...OFFENDERS }));
  });

  const cases: ReadonlyArray<[what: string, file: keyof typeof OFFENDERS, message: RegExp]> = [
    ["an import of a higher layer", "packages/server/src/hub/imports-session.ts", /may not import .*session/],
    ["a value where only types may be imported", "packages/server/src/hub/imports-backplane-value.ts", /values of/],
    ["a built-in module in the core", "packages/server/src/core/imports-node.ts", /may not import node:fs/],
    ["a package in the core", "packages/server/src/session/imports-package.ts", /may not import ws/],
    ["import() in the core", "packages/server/src/session/imports-lazily.ts", /no import\(\)/],
    ["a concrete backplane outside the composition root", "packages/server/src/node.ts", /concrete backplane/],
    ["a folder that is no layer", "packages/server/src/plugins/unlisted.ts", /belongs to no layer/],
    ["an import of the client by the protocol", "packages/protocol/src/imports-up.ts", /may not import/],
    ["even a type of the server in the client", "packages/client/src/imports-server.ts", /may not import/],
    ["a path into another package", "test/integration/reaches-in.ts", /folder of another package/],
    ["a name that leads into another package's sources", "bench/reaches-in-by-name.ts", /reaches into a package/],
    ["Date in the core", "packages/server/src/session/uses-date.ts", /'Date'.*no-restricted-globals/],
    ["a timer in the core", "packages/server/src/hub/uses-timer.ts", /'setTimeout'.*no-restricted-globals/],
    ["Promise in the core", "packages/server/src/policy/uses-promise.ts", /'Promise'.*no-restricted-globals/],
    ["Math.random in the core", "packages/server/src/core/uses-random.ts", /Math\.random/],
    ["AbortSignal.timeout in the client's core", "packages/client/src/core/uses-timeout.ts", /AbortSignal\.timeout/],
    ["crypto in the client's core", "packages/client/src/core/uses-crypto.ts", /'crypto'.*no-restricted-globals/],
    ["an async function in the core", "packages/server/src/session/is-async.ts", /no async functions/],
    ["a continuation of a promise in the core", "packages/server/src/session/uses-then.ts", /no \.then\(\)/],
    ["`once` in the core", "packages/server/src/session/uses-once.ts", /no `once`/],
    ["a mutable variable of a module", "packages/server/src/backplane/has-module-state.ts", /`let` at the top level/],
    ["a cache of a module", "packages/server/src/core/has-cache.ts", /an empty container at the top level/],
    ["a file of over 300 lines", "packages/server/src/transport/long-file.ts", /max-lines\)/],
    ["a function of over 60 lines", "packages/server/src/transport/long-function.ts", /max-lines-per-function/],
    ["a file name that is not kebab-case", "packages/server/src/transport/NotKebab.ts", /filename-case/],
    ["a cycle of imports", "packages/server/src/transport/cycle-a.ts", /no-cycle/],
    ["a promise left alone", "packages/server/src/transport/floats.ts", /no-floating-promises/],
    ["a switch that misses a case", "packages/server/src/transport/misses-case.ts", /switch-exhaustiveness-check/],
  ];

  it.each(cases)("%s", (_what, file, message) => {
    const said = report.filter((line) => line.startsWith(`${file}:`));
    expect(said.join("\n")).toMatch(message);
  });

  it("nothing that is clean, beside all that", () => {
    for (const file of Object.keys(CLEAN)) expect(report.filter((line) => line.startsWith(`${file}:`))).toEqual([]);
  });

  it("with an exit code that stops the check", () => {
    expect(statuses).toEqual([1, 1]);
  });
});

describe("the linters accept", () => {
  it("a workspace that keeps every rule", () => {
    const { report, statuses } = lintWorkspace(CLEAN);
    expect(statuses, report.join("\n")).toEqual([0, 0]);
  });
});
