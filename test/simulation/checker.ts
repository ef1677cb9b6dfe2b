import type { World } from "@carillon/server/testing";

/** A promise that did not hold. */
export interface Violation {
  /** What kind of thing went wrong, the same for all of its kind. */
  readonly kind: ViolationKind;
  readonly text: string;
  readonly atMs: number;
}

export type ViolationKind =
  | "lost"
  | "duplicated"
  | "reordered"
  | "gap"
  | "wrong data"
  | "publish"
  | "not durable"
  | "state"
  | "presence"
  | "permission"
  | "stuck"
  | "leak"
  | "broken"
  | "not deterministic";

/** Collects what went wrong. A listener of the SDK must not throw, so a violation is kept, and the run ends by it. */
export class Checker {
  readonly violations: Violation[] = [];
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** True once something went wrong. */
  get hasFailed(): boolean {
    return this.violations.length > 0;
  }

  /** Something went wrong. */
  fail(kind: ViolationKind, text: string): void {
    this.#world.note(`VIOLATION ${kind}: ${text}`);
    this.violations.push({ kind, text, atMs: this.#world.nowMs });
  }
}
