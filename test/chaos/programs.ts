import { Bundle } from "../support/bundle.ts";

/** The programs of a run, each bundled into one file: a server that is killed every second has to start quickly. */
export class Programs implements Disposable {
  readonly #bundles: readonly [node: Bundle, client: Bundle];

  private constructor(node: Bundle, client: Bundle) {
    this.#bundles = [node, client];
  }

  static async create(): Promise<Programs> {
    const [node, client] = await Promise.all([
      Bundle.create(new URL("node-process.ts", import.meta.url)),
      Bundle.create(new URL("client-process.ts", import.meta.url)),
    ]);
    return new Programs(node, client);
  }

  /** The server's file. */
  get node(): string {
    return this.#bundles[0].file;
  }

  /** The clients' file. */
  get client(): string {
    return this.#bundles[1].file;
  }

  [Symbol.dispose](): void {
    for (const bundle of this.#bundles) bundle[Symbol.dispose]();
  }
}
