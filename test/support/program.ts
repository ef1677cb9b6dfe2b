import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** Settings of a {@link Program}. */
export interface ProgramOptions {
  /** A file that Node runs by itself, on the packages as `npm run build` has built them. */
  readonly file: URL;
  readonly args?: readonly string[];
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A program as its README says to run it: what it prints is watched, and its input is a test's to write. */
export class Program implements AsyncDisposable {
  /** What it has printed so far. */
  stdout = "";
  stderr = "";
  /** Resolves to the exit code when it has ended and all that it printed is here. */
  readonly ended: Promise<number | null>;
  readonly #process: ChildProcess;
  readonly #watchers = new Set<() => void>();

  constructor({ file, args = [], env = {} }: ProgramOptions) {
    this.#process = spawn(process.execPath, [fileURLToPath(file), ...args], { env: { ...process.env, ...env } });
    this.#process.stdout?.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
      this.#wake();
    });
    this.#process.stderr?.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
      this.#wake();
    });
    this.ended = once(this.#process, "close").then(([code]: unknown[]) => {
      this.#wake();
      return typeof code === "number" ? code : null;
    });
  }

  /** Waits until something it has printed matches. Rejects when it ends before, with all that it has printed. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.stdout) ?? pattern.exec(this.stderr);
      if (match !== null) return match;
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`The program ended before it printed ${String(pattern)}:\n${this.stdout}${this.stderr}`);
      }
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  /** Writes lines to its input. */
  write(...lines: readonly string[]): void {
    this.#process.stdin?.write(lines.map((line) => `${line}\n`).join(""));
  }

  /** Ctrl-C. */
  interrupt(): void {
    this.#process.kill("SIGINT");
  }

  /** SIGKILL: nothing of it can tidy up. */
  kill(): void {
    this.#process.kill("SIGKILL");
  }

  /** Ends it, if it has not ended, and waits for its end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill();
    await this.ended;
  }

  #wake(): void {
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
  }
}
