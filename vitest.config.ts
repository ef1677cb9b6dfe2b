import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";

// Tests run on the sources of the packages: no build is needed first, and coverage is on sources.
const conditions = ["@carillon/source"];

const seconds = (count: number): number => count * 1000;

interface ProjectOptions {
  readonly include: readonly string[];
  /** The longest one test may take. */
  readonly timeoutMs: number;
  /** Files of a project that measure time or drive browsers run one by one, after the others. */
  readonly alone?: boolean;
}

/** One vitest project; select it with `npm test -- --project <name>`. */
function project(name: string, { include, timeoutMs, alone = false }: ProjectOptions): TestProjectInlineConfiguration {
  return {
    resolve: { conditions },
    ssr: { resolve: { conditions } },
    test: {
      name,
      include: [...include],
      exclude: ["**/node_modules/**", "**/dist/**"],
      environment: "node",
      testTimeout: timeoutMs,
      hookTimeout: Math.max(timeoutMs, seconds(30)),
      // What is polled for comes at once on an idle machine, and must come on a busy one as well.
      expect: { poll: { timeout: timeoutMs / 2 } },
      // A mock or a fake timer that outlives its test makes the next one lie.
      restoreMocks: true,
      unstubEnvs: true,
      unstubGlobals: true,
      sequence: { groupOrder: alone ? 1 : 0 },
      ...(alone ? { maxWorkers: 1 } : {}),
    },
  };
}

export default defineConfig({
  test: {
    reporters: ["default", "./scripts/vitest-reporter.mjs"],
    passWithNoTests: true,
    allowOnly: false,
    projects: [
      project("unit", { include: ["{packages,apps}/*/{src,test}/**/*.test.ts"], timeoutMs: seconds(10) }),
      project("house", { include: ["test/house/**/*.test.ts"], timeoutMs: seconds(180) }),
      project("property", { include: ["test/property/**/*.test.ts"], timeoutMs: seconds(300) }),
      project("brokers", { include: ["test/brokers/**/*.test.ts"], timeoutMs: seconds(60) }),
      project("simulation", { include: ["test/simulation/**/*.test.ts"], timeoutMs: seconds(180), alone: true }),
      project("integration", {
        include: ["test/integration/**/*.test.ts", "examples/*/**/*.node.test.ts", "bench/**/*.test.ts"],
        timeoutMs: seconds(60),
        alone: true,
      }),
      project("browser", {
        include: ["test/browser/**/*.test.ts", "examples/*/**/*.browser.test.ts"],
        timeoutMs: seconds(120),
        alone: true,
      }),
    ],
    coverage: {
      provider: "v8",
      include: ["packages/*/src/**/*.ts"],
      exclude: ["**/*.test.ts"],
      reporter: ["text-summary", "html"],
    },
  },
});
