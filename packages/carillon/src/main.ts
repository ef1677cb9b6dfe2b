import { readFileSync } from "node:fs";
import { parseCommand, USAGE, type ServeSettings } from "./arguments.ts";
import { StartError } from "./start-error.ts";
import { startServer, type StartOptions } from "./start-server.ts";
import { stopSignal } from "./stop-signal.ts";
import { describeStore } from "./store-choice.ts";
import { UsageError } from "./usage-error.ts";

/**
 * The `carillon` command. Resolves when it is done: to 0, to 1 when the server can't start, to 2 for a command line that
 * can't be understood. A server that started runs until it is told to stop.
 */
export async function main(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    const command = parseCommand(args, env);
    if (command.name === "help") process.stdout.write(USAGE);
    else if (command.name === "version") console.log(version());
    else await serve(command, command.name === "start" ? "chat" : command);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof StartError)) throw error;
    console.error(error.message);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function serve(settings: ServeSettings, what: StartOptions["serve"]): Promise<void> {
  const { host, port, store, drainMs, guestKey, origins, trustProxy } = settings;
  // Told to stop while it starts, the server stops as soon as it has started.
  const stopped = stopSignal(process, (exitCode) => process.exit(exitCode));
  const server = await startServer({ host, port, store, drainMs, guestKey, origins, trustProxy, serve: what });
  if (store.kind !== "memory" || what === "chat") console.log(describeStore(store));
  const open = server.openPaths.length > 0 ? `, open to anybody: ${server.openPaths.join(", ")}` : "";
  console.log(`Carillon is ready at ${server.url}${open}`);
  await stopped;
  await server.close();
}

function version(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown";
}
