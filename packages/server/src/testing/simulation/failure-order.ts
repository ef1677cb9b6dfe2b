import type { Failure } from "../../backplane/channel-store.ts";
import { OUT_OF_ORDER } from "../../backplane/failures.ts";

/** Which appends of a node have to fail with one before them: those that were handed in before its failure was answered (P2). */
export class FailureOrder {
  /** When the latest failure that invites a repetition was answered, by channel and scope; Infinity: not yet. */
  readonly #failures = new Map<string, number>();
  /** Counts appends that were handed in and failures that were answered. */
  #time = 0;

  /** An append is handed in. What is returned says, when its turn comes, whether it must fail. */
  handedIn(scope: string): () => Failure | null {
    const at = ++this.#time;
    return () => ((this.#failures.get(scope) ?? 0) > at ? OUT_OF_ORDER : null);
  }

  /** One has failed, and its answer is on its way. */
  failed(scope: string): void {
    this.#failures.set(scope, Infinity);
  }

  /** Its failure was answered. */
  answered(scope: string): void {
    this.#failures.set(scope, ++this.#time);
  }

  /** All failures were answered: the connection was lost. */
  allAnswered(): void {
    for (const [scope, at] of this.#failures) if (at === Infinity) this.answered(scope);
  }
}
