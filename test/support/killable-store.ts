import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { endProcess } from "./end-process.ts";
import { Bundle, type Sabotage } from "./bundle.ts";
import type { Placed, StoreAnswer, StoreOrder } from "./store-process.ts";

/** A store in a process that can be killed. Whatever was asked and not answered by then is never answered. */
export class KillableStore {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, (answer: StoreAnswer) => void>();
  #orders = 0;

  private constructor(process: ChildProcess) {
    this.#process = process;
    process.on("message", (answer: StoreAnswer) => {
      if (!("number" in answer)) return;
      this.#waiting.get(answer.number)?.(answer);
      this.#waiting.delete(answer.number);
    });
  }

  /** Its program, which is to be made once for many of them. */
  static program(sabotage?: Sabotage): Promise<Bundle> {
    return Bundle.create(new URL("store-process.ts", import.meta.url), sabotage);
  }

  /**
   * Opens the store of a folder. Rejects with the sentence that says why it can't be opened.
   *
   * @param program see {@link KillableStore.program}
   */
  static async open(program: Bundle, folder: string): Promise<KillableStore> {
    const child = fork(program.file, [folder], { execArgv: [] });
    const store = new KillableStore(child);
    const [answer] = (await once(child, "message")) as [StoreAnswer];
    if (answer.answer === "open") return store;
    child.disconnect();
    throw new Error(answer.answer === "refused" ? answer.message : "Expected to hear whether the store is open.");
  }

  /** The number of the process. */
  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Publishes a batch. The promise stays open for ever if the process is killed before it has answered. */
  publish(ids: readonly string[]): Promise<readonly Placed[]> {
    return new Promise((resolve) => {
      this.#ask(
        (number) => ({ order: "publish", number, ids }),
        (answer) => {
          if (answer.answer === "published") resolve(answer.results);
        },
      );
    });
  }

  /** All ids of the log, in order. */
  read(): Promise<readonly string[]> {
    return new Promise((resolve) => {
      this.#ask(
        (number) => ({ order: "read", number }),
        (answer) => {
          if (answer.answer === "read") resolve(answer.ids);
        },
      );
    });
  }

  /** Ends it as a power cut would, but for the disk. */
  async kill(): Promise<void> {
    await endProcess(this.#process);
  }

  #ask(order: (number: number) => StoreOrder, answered: (answer: StoreAnswer) => void): void {
    const number = ++this.#orders;
    this.#waiting.set(number, answered);
    // The channel may be gone already: the kill was quicker.
    this.#process.send(order(number), () => {});
  }
}
