import { readFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";

/** What a number was measured on, as a line. */
export function machine(): string {
  const [cpu] = cpus();
  const gigabytes = Math.round(totalmem() / 2 ** 30);
  const versions = `Node ${process.versions.node}, ws ${machineVersions().ws}`;
  return `${cpu?.model.trim() ?? "unknown processor"}, ${cpus().length} logical processors, ${gigabytes} GB, ${type()} ${release()}, ${versions}`;
}

/** Versions of what is measured from this repository's own modules. */
export function machineVersions(): Readonly<Record<"ws" | "carillon" | "socketIo", string>> {
  return {
    ws: versionOf(import.meta.resolve("ws")),
    carillon: versionOf(import.meta.resolve("@carillon/server")),
    socketIo: versionOf(import.meta.resolve("socket.io")),
  };
}

/** Packages export their manifest to nobody, so it is looked for upward from where their code was found. */
function versionOf(entry: string): string {
  for (let at = new URL(".", entry); at.pathname !== "/"; at = new URL("..", at)) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(new URL("package.json", at), "utf8"));
      if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
    } catch {
      // Not in this folder.
    }
  }
  return "?";
}
