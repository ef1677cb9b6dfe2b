import { readFileSync } from "node:fs";
import { cpus, release, type } from "node:os";

/** What a number was measured on, as a line. */
export function machine(): string {
  const [cpu] = cpus();
  const versions = `Node ${process.versions.node}, ws ${versionOfWs()}`;
  return `${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} logical processors, ${type()} ${release()}, ${versions}`;
}

function versionOfWs(): string {
  // The package exports its manifest to nobody, so it is read where its code was found.
  const manifest: unknown = JSON.parse(readFileSync(new URL("package.json", import.meta.resolve("ws")), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "?";
}
