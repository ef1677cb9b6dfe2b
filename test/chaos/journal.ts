import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Bytes read at once. */
const CHUNK_BYTES = 1 << 20;
const ENDING = ".jsonl";

/**
 * An append-only file of records, a line each. A record is handed to the operating system before `write` returns, so
 * that it outlives a SIGKILL of the process, as the screen of a user would have shown it.
 */
export class JournalWriter<R extends object> {
  readonly #file: number;

  constructor(folder: string, name: string) {
    this.#file = openSync(join(folder, `${name}${ENDING}`), "a");
  }

  write(record: R): void {
    writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }
}

/** Names of the journals in a folder whose name has this in its role: `p` for publishers, `s` for subscribers. */
export function journalNames(folder: string, role: "p" | "s"): string[] {
  return readdirSync(folder)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => file.slice(0, -ENDING.length))
    .filter((name) => name.split(".")[2]?.startsWith(role))
    .sort();
}

/** The records of a journal. A last line that a kill has torn is passed over. */
export function* readJournal<R>(folder: string, name: string): Generator<R, void> {
  const path = join(folder, `${name}${ENDING}`);
  if (!existsSync(path)) return;
  const file = openSync(path, "r");
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES);
    let rest = Buffer.alloc(0);
    for (;;) {
      const length = readSync(file, chunk);
      if (length === 0) return;
      const bytes = Buffer.concat([rest, chunk.subarray(0, length)]);
      const end = bytes.lastIndexOf(10);
      rest = Buffer.from(bytes.subarray(end + 1));
      if (end < 0) continue;
      for (const line of bytes.toString("utf8", 0, end).split("\n")) yield JSON.parse(line) as R;
    }
  } finally {
    closeSync(file);
  }
}

/** The whole text of a file; empty if there is none. */
export function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8") : "";
}
