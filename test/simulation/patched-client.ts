import { connect } from "@carillon/client";
import { build, type Plugin } from "esbuild";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { PlantedFault } from "./faults.ts";

/**
 * The SDK's `connect`: its own, or with a fault planted. The SDK that ships has no room for faults, so a copy of its
 * source is bundled with one piece of text replaced. Throws if the piece does not stand there exactly once.
 */
export async function connectWith(fault: NonNullable<PlantedFault["client"]> | null): Promise<typeof connect> {
  if (fault === null) return connect;
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(import.meta.resolve("@carillon/client"))],
    bundle: true,
    write: false,
    format: "esm",
    platform: "neutral",
    target: "node20",
    conditions: ["@carillon/source"],
    logLevel: "silent",
    plugins: [replacing(fault)],
  });
  const source = Buffer.from(outputFiles[0]?.contents ?? []).toString("base64");
  const module: unknown = await import(`data:text/javascript;base64,${source}`);
  if (!hasConnect(module)) throw new Error("Expected connect among the exports of the patched client.");
  return module.connect;
}

function replacing({ file, piece, instead }: NonNullable<PlantedFault["client"]>): Plugin {
  let count = 0;
  return {
    name: "planted-fault",
    setup: ({ onLoad, onEnd }) => {
      onLoad({ filter: /packages[\\/]client[\\/]src[\\/].*\.ts$/ }, async ({ path }) => {
        const contents = await readFile(path, "utf8");
        if (!path.endsWith(file)) return { contents, loader: "ts" };
        const parts = contents.split(piece);
        count += parts.length - 1;
        return { contents: parts.join(instead), loader: "ts" };
      });
      onEnd(() => {
        if (count !== 1)
          throw new Error(`Expected the piece to be replaced once in ${file}, it is there ${count} times: ${piece}`);
      });
    },
  };
}

function hasConnect(module: unknown): module is { readonly connect: typeof connect } {
  return typeof module === "object" && module !== null && "connect" in module && typeof module.connect === "function";
}
