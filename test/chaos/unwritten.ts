/** What is asked. */
interface Asked {
  command(name: string, ...args: string[]): Promise<unknown>;
}

/** A server that says nothing for so long is killed without having been asked, in milliseconds. */
const ASK_MS = 300;

/**
 * Kills of Redis while it had changes that it had answered, and not written. With `appendfsync everysec` it puts writing off, for
 * two seconds at most, while the disk still is at the sync before (`flushAppendOnlyFile` in its aof.c), and goes on answering. What is
 * killed then has lost what it acknowledged, to whomever: what such a run loses says something of the disk, not of Carillon.
 */
export class Unwritten {
  #kills = 0;
  #silent = 0;
  #atRisk = 0;
  #bytes = 0;

  /** Asks a server that is about to be killed. */
  async ask(server: Asked): Promise<void> {
    this.#kills++;
    const late = new Promise<string>((resolve) => setTimeout(resolve, ASK_MS, ""));
    const info = server.command("INFO", "persistence").then(String, () => "");
    const text = await Promise.race([info, late]);
    // A Redis that has no such field has said nothing either.
    if (!/^aof_pending_bio_fsync:/m.test(text)) this.#silent++;
    if (numberOf(text, "aof_pending_bio_fsync") === 0) return;
    this.#atRisk++;
    this.#bytes += numberOf(text, "aof_buffer_length");
  }

  /** A line for the result. */
  describe(): string {
    const silent = this.#silent === 0 ? "" : `; ${this.#silent} did not say`;
    return `${this.#atRisk} of ${this.#kills} kills of Redis fell into a sync of its file, when it puts writing off: ${this.#bytes} bytes were not written${silent}`;
  }
}

function numberOf(info: string, name: string): number {
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)?.[1] ?? 0);
}
