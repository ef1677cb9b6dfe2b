import { mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { StartError } from "./start-error.ts";

/** Readable by the user of the server alone. */
const PRIVATE_FOLDER = 0o700;

/**
 * Makes the data folder, and those above it, if they are not there: for the user of the server alone, since it holds
 * what people said. Rejects with a {@link StartError}.
 */
export async function makeDataFolder(folder: string): Promise<void> {
  try {
    await makeFolder(resolve(folder));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(
      `The folder ${resolve(folder)} can't be made (${reason}): choose another with CARILLON_DATA or --data.`,
      {
        cause: error,
      },
    );
  }
}

/** Not by Node's `recursive`, which never ends where a folder can't be made because there is none above it: in /proc. */
async function makeFolder(folder: string): Promise<void> {
  const made = await makeOne(folder);
  if (made !== "ENOENT" || dirname(folder) === folder) return;
  await makeFolder(dirname(folder));
  await mkdir(folder, { mode: PRIVATE_FOLDER });
}

/** The code of a failure that is no failure yet. */
async function makeOne(folder: string): Promise<"EEXIST" | "ENOENT" | null> {
  try {
    await mkdir(folder, { mode: PRIVATE_FOLDER });
    return null;
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : null;
    // What is there may be no folder; the store says so.
    if (code === "EEXIST" || code === "ENOENT") return code;
    throw error;
  }
}
