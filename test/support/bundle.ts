import { build } from "esbuild";
import { mkdirSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/carillon", import.meta.url));

/** A place in the sources that is wrong on purpose, for a control: what the harness must then report. */
export interface Sabotage {
  /** End of the file's path. */
  readonly file: string;
  /** What stands there; the bundle fails if it doesn't. */
  readonly find: string;
  readonly replace: string;
}

/** A TypeScript program in one file: it starts in a tenth of the time that the sources take, and needs no build. */
export class Bundle implements Disposable {
  readonly file: string;

  private constructor(file: string) {
    this.file = file;
  }

  /** @param program a file that Node could run with `tsx` */
  static async create(program: URL, sabotage?: Sabotage): Promise<Bundle> {
    mkdirSync(CACHE, { recursive: true });
    const file = join(CACHE, `${basename(program.pathname, ".ts")}-${process.pid}-${Date.now()}.mjs`);
    let isPlanted = sabotage === undefined;
    await build({
      entryPoints: [fileURLToPath(program)],
      outfile: file,
      bundle: true,
      format: "esm",
      platform: "node",
      conditions: ["@carillon/source"],
      external: ["@nats-io/transport-node", "ioredis", "lmdb", "ws"],
      plugins: [
        {
          name: "sabotage",
          setup({ onLoad }) {
            if (sabotage === undefined) return;
            onLoad({ filter: new RegExp(`${sabotage.file.replaceAll(".", String.raw`\.`)}$`) }, async ({ path }) => {
              const source = await readFile(path, "utf8");
              isPlanted = source.includes(sabotage.find);
              return { contents: source.replace(sabotage.find, sabotage.replace), loader: "ts" };
            });
          },
        },
      ],
    });
    if (!isPlanted) throw new Error(`Expected to find ${sabotage?.find} in ${sabotage?.file}.`);
    return new Bundle(file);
  }

  [Symbol.dispose](): void {
    rmSync(this.file, { force: true });
  }
}
