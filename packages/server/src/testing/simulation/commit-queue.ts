import type { Failure } from "../../backplane/channel-store.ts";
import { UNAVAILABLE } from "./link-broker.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";

/** A change that waits to be durable. */
export interface Write {
  /** Does it, when it becomes durable; returns what tells the one who asked for it. */
  readonly run: () => () => void;
  readonly fail: (failure: Failure) => void;
}

/** What a queue needs of its broker. */
export interface CommitQueueContext {
  readonly world: World;
  readonly random: SimulatedRandom;
  /** Longest time from the arrival of a change to its durability, in milliseconds. */
  readonly commitMaxMs: number;
  /** Does one change, and tells what came of it. */
  readonly perform: (work: () => void) => void;
  /** What was done before the commit is undone: it failed, or was lost. */
  readonly undo: () => void;
  /** Everything up to now is durable. */
  readonly committed: () => void;
}

const ignore = (): void => {};

/** Changes that wait for the next commit, in their order. A failed commit fails everything in it. */
export class CommitQueue {
  readonly #context: CommitQueueContext;
  #waiting: Write[] = [];
  #isDue = false;
  #shakyUntilMs = 0;

  constructor(context: CommitQueueContext) {
    this.#context = context;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiting.length;
  }

  add(write: Write): void {
    this.#waiting.push(write);
    if (this.#isDue) return;
    this.#isDue = true;
    const { world, random, commitMaxMs } = this.#context;
    world.after(random.int(0, commitMaxMs), () => this.#commit());
  }

  /** Until then, commits fail now and then, and answers get lost. */
  shake(untilMs: number): void {
    this.#shakyUntilMs = untilMs;
  }

  /** The commit that is due fails. */
  fail(): void {
    const failed = this.#waiting;
    this.lose();
    if (failed.length > 0) this.#context.world.count("commits failed");
    for (const { fail } of failed) fail(UNAVAILABLE);
  }

  /** What waits is lost, and nobody is told. */
  lose(): void {
    this.#waiting = [];
    this.#context.undo();
  }

  #commit(): void {
    const { world, random, perform, committed } = this.#context;
    this.#isDue = false;
    const isShaky = world.nowMs < this.#shakyUntilMs;
    if (isShaky && random.chance(0.15)) return this.fail();
    const writes = this.#waiting;
    this.#waiting = [];
    for (const { run, fail } of writes) {
      let tell = ignore;
      perform(() => {
        tell = run();
      });
      // The change is made, and who asked for it does not learn of it.
      if (isShaky && random.chance(0.1)) fail(UNAVAILABLE);
      else tell();
    }
    committed();
  }
}
