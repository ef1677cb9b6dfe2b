import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { playChunk, type Chunk, type ChunkResult } from "./chunk.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

/** Processes that play seeds: a simulation needs a process of its own, since it forbids clocks and timers. */
export class Pool {
  readonly #processes: ChildProcess[];

  constructor(workers: number) {
    this.#processes = Array.from({ length: workers }, () => fork(MAIN, ["--worker"], { execArgv: process.execArgv }));
  }

  /** Plays the chunks that `next` gives, until it gives none. `done` is told of each as it ends. */
  async play(next: () => Chunk | null, done: (result: ChunkResult) => void): Promise<void> {
    await Promise.all(
      this.#processes.map(async (process) => {
        for (let chunk = next(); chunk !== null; chunk = next()) done(await ask(process, chunk));
      }),
    );
  }

  /** Ends the processes. */
  close(): void {
    for (const process of this.#processes) process.disconnect();
  }
}

/** The other end: plays what it is sent until nobody is left to send. */
export function serveChunks(): void {
  // Whoever asked is gone, and so is the use of an answer.
  process.once("disconnect", () => process.exit());
  process.on("message", (chunk: Chunk) => {
    playChunk(chunk).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.stack : String(error) }),
    );
  });
}

function ask(worker: ChildProcess, chunk: Chunk): Promise<ChunkResult> {
  return new Promise((resolve, reject) => {
    const over = (code: number | null): void => reject(new Error(`A worker ended with ${code} at seed ${chunk.from}.`));
    worker.once("exit", over);
    worker.once("message", (answer: { readonly result?: ChunkResult; readonly error?: string }) => {
      worker.off("exit", over);
      if (answer.result !== undefined) resolve(answer.result);
      else reject(new Error(`Seeds from ${chunk.from}: ${answer.error}`));
    });
    worker.send(chunk);
  });
}
