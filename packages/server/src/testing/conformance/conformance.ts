import type { BackplaneContext, OpenBackplane } from "../../backplane/backplane.ts";
import type { Ports } from "../../core/ports.ts";
import { amendCases } from "./amend-cases.ts";
import { channelCases } from "./channel-cases.ts";
import { clusterCases } from "./cluster-cases.ts";
import { ConformanceWorld } from "./conformance-world.ts";
import { durabilityCases } from "./durability-cases.ts";
import { idCases } from "./id-cases.ts";
import { logCases } from "./log-cases.ts";
import { positionCases } from "./position-cases.ts";
import { ownershipCases } from "./ownership-cases.ts";
import { sessionOrderCases } from "./session-order-cases.ts";
import { stateCases } from "./state-cases.ts";
import { ticketCases } from "./ticket-cases.ts";

/** A store under test: nobody has used it yet, and nobody else does. */
export interface ConformanceStore {
  /** Opens it; called again only after what was opened before was closed, unless the backplane is `shared`. */
  open(context: BackplaneContext): Promise<OpenBackplane>;
  /**
   * Keeps a copy of everything in it while it is closed, and resolves to what puts the copy back, while it is closed
   * again. Needed if the backplane says `copies`.
   */
  copy?(): Promise<() => Promise<void>>;
  /** Takes it away. */
  dispose(): Promise<void>;
}

/** A backplane under test. Where it can't do something, it says why not: that is the reason of the skip. */
export interface ConformanceSubject {
  readonly name: string;
  /** Null: it takes time from its context, so that a test can move it. Otherwise the real world, and tests wait. */
  readonly world: Ports | null;
  /** True, or why what it holds does not outlive it. */
  readonly lasts: true | string;
  /** True, or why an old copy of a store can't be put back. */
  readonly copies: true | string;
  /** True, or why several nodes can't have a store open at once. */
  readonly shared: true | string;
  create(): Promise<ConformanceStore>;
}

/** What a case needs beyond the minimum. */
type ConformanceNeed = "lasts" | "copies" | "shared";

/** One thing that a backplane has to hold to. */
export interface ConformanceCase {
  /** A sentence of behaviour. */
  readonly name: string;
  readonly needs?: readonly ConformanceNeed[];
  run(world: ConformanceWorld): Promise<void>;
}

/** A case for one backplane, ready for any test runner. */
export interface ConformanceTest {
  readonly name: string;
  /** Why the backplane can't be held to it; null: it can. */
  readonly skip: string | null;
  /** Rejects with an assertion error if the backplane does not hold to it. Takes some seconds at most. */
  run(): Promise<void>;
}

const CASES: readonly ConformanceCase[] = [
  ...logCases,
  ...channelCases,
  ...amendCases,
  ...positionCases,
  ...idCases,
  ...stateCases,
  ...ownershipCases,
  ...sessionOrderCases,
  ...clusterCases,
  ...ticketCases,
  ...durabilityCases,
];

/**
 * What every backplane promises, as tests for one of them: order, contiguity, recovery, idempotency, erasure, states,
 * credentials, and what lasts. Each test makes a store of its own.
 *
 * @example
 * for (const { name, skip, run } of conformanceTests(subject)) {
 *   test(name, async (context) => (skip === null ? run() : context.skip(skip)));
 * }
 */
export function conformanceTests(subject: ConformanceSubject): readonly ConformanceTest[] {
  return CASES.map((testCase) => {
    const { name, needs = [] } = testCase;
    const missing = needs.map((need) => subject[need]).find((fact) => fact !== true);
    return {
      name,
      skip: missing ?? null,
      run: async () => {
        const world = new ConformanceWorld(subject, await subject.create());
        try {
          await testCase.run(world);
        } finally {
          await world.end();
        }
      },
    };
  });
}
