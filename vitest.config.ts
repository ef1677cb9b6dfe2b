import { availableParallelism } from "node:os";
import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { LongestFirst } from "./scripts/longest-first.mjs";

// Tests run on the sources of the packages: no build is needed first, and coverage is on sources.
const conditions = ["@carillon/source"];

const seconds = (count: number): number => count * 1000;

const cores = availableParallelism();

/**
 * What else runs while a file of a project does. The turns come one after the other.
 *
 * - `beside`: anything. Where a new suite belongs, unless one of the others is a must: it waits for processes, timers and
 *   sockets, or counts, and what it expects comes later on a busy machine, but comes. More files than processors.
 * - `screen`: browsers. People's patience is what they are held to, and a pair of pages takes half a processor or a whole
 *   one: one file more than processors.
 * - `alone`: nothing. It measures, or is held to times of a quiet machine, or loads all processors itself. The dearest.
 */
const TURNS = {
  beside: { order: 0, workers: 2 * cores },
  screen: { order: 1, workers: cores + 1 },
  alone: { order: 2, workers: 1 },
} as const;

/** What must have the machine to itself, and why. Everything else in the folders of its project runs beside others. */
const ALONE = [
  // Bars in seconds, for three nodes, a broker and hundreds of clients.
  "test/brokers/drills.test.ts",
  // Loads of the benchmarks with native threads: all processors.
  "bench/harness.test.ts",
  // A server, clients and publishers, each a process, and a control that needs kills to fall into their work.
  "test/integration/chaos.test.ts",
  // Measures processor time of a page, and its start on a slow machine.
  "test/browser/chat-load.test.ts",
  // Installs and builds the whole project, within a newcomer's patience.
  "test/integration/newcomer.test.ts",
];

interface ProjectOptions {
  readonly include: readonly string[];
  readonly exclude?: readonly string[];
  /** The longest one test may take. */
  readonly timeoutMs: number;
  readonly turn?: keyof typeof TURNS;
}

/** One vitest project; select it with `npm test -- --project <name>`. */
function project(name: string, options: ProjectOptions): TestProjectInlineConfiguration {
  const { include, exclude = [], timeoutMs, turn = "beside" } = options;
  const { order, workers } = TURNS[turn];
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include: [...include],
      exclude: ["**/node_modules/**", "**/dist/**", ...exclude],
      environment: "node",
      testTimeout: timeoutMs,
      hookTimeout: Math.max(timeoutMs, seconds(30)),
      // What is polled for comes at once on an idle machine, and must come on a busy one as well.
      expect: { poll: { timeout: timeoutMs / 2 } },
      // A mock or a fake timer that outlives its test makes the next one lie.
      restoreMocks: true,
      unstubEnvs: true,
      unstubGlobals: true,
      sequence: { groupOrder: order },
      maxWorkers: workers,
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", "./scripts/vitest-reporter.mjs"],
    passWithNoTests: true,
    allowOnly: false,
    sequence: { sequencer: LongestFirst },
    projects: [
      project("unit", { include: ["{packages,apps}/*/{src,test}/**/*.test.ts"], timeoutMs: seconds(10) }),
      project("house", { include: ["test/house/**/*.test.ts"], timeoutMs: seconds(180) }),
      project("property", { include: ["test/property/**/*.test.ts"], timeoutMs: seconds(300) }),
      project("brokers", { include: ["test/brokers/**/*.test.ts"], exclude: ALONE, timeoutMs: seconds(60) }),
      project("simulation", { include: ["test/simulation/**/*.test.ts"], timeoutMs: seconds(180) }),
      project("integration", {
        include: ["test/integration/**/*.test.ts", "examples/*/**/*.node.test.ts", "bench/**/*.test.ts"],
        exclude: ALONE,
        timeoutMs: seconds(60),
      }),
      project("browser", {
        include: ["test/browser/**/*.test.ts", "examples/*/**/*.browser.test.ts"],
        exclude: ALONE,
        timeoutMs: seconds(120),
        turn: "screen",
      }),
      project("alone", { include: ALONE, timeoutMs: seconds(120), turn: "alone" }),
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/*.test.ts"],
      reporter: ["text-summary", "html"],
    },
  },
});
