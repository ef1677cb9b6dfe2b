import { build } from "esbuild";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const CACHE = fileURLToPath(new URL("../../node_modules/.cache/carillon", import.meta.url));

/**
 * The programs of a run, each bundled into one file of JavaScript: they start in a tenth of the time that the sources
 * take, and a server that is killed every second has to start quickly.
 */
export class Programs implements Disposable {
  readonly node: string;
  readonly client: string;

  private constructor(node: string, client: string) {
    this.node = node;
    this.client = client;
  }

  static async create(): Promise<Programs> {
    mkdirSync(CACHE, { recursive: true });
    const [node, client] = await Promise.all([
      bundle("node", new URL("node-process.ts", import.meta.url)),
      bundle("client", new URL("client-process.ts", import.meta.url)),
    ]);
    return new Programs(node, client);
  }

  [Symbol.dispose](): void {
    for (const file of [this.node, this.client]) rmSync(file, { force: true });
  }
}

async function bundle(name: string, source: URL): Promise<string> {
  const outfile = join(CACHE, `chaos-${name}-${process.pid}-${Date.now()}.mjs`);
  await build({
    entryPoints: [fileURLToPath(source)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@carillon/source"],
    external: ["@nats-io/transport-node", "lmdb", "ws"],
  });
  return outfile;
}
