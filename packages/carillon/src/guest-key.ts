import { randomBytes } from "node:crypto";
import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { StartError } from "./start-error.ts";

const FILE = "guest.key";
const KEY_BYTES = 32;
/** Readable by the user of the server alone. */
const PRIVATE_FILE = 0o600;

/**
 * The key that signs the cookies of guests, from the data folder; made there at the first start. Whoever calls has the
 * folder's store open, so nobody else makes one at the same time. It is on disk before the first cookie is signed, so
 * that a crash can't change who a guest is. Rejects with a {@link StartError}.
 */
export async function guestKeyIn(folder: string): Promise<Uint8Array> {
  const file = join(folder, FILE);
  try {
    return (await readKey(file)) ?? (await makeKey(folder, file));
  } catch (error) {
    if (error instanceof StartError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartError(`The key that signs the cookies of guests can't be kept in ${file}: ${reason}.`, {
      cause: error,
    });
  }
}

/** The key that a text holds: 32 bytes in base64url, as `guest.key` has them; null if it holds none. */
export function keyOf(text: string): Uint8Array | null {
  if (!/^[\w-]{43}\n?$/.test(text)) return null;
  const key = Buffer.from(text.trim(), "base64url");
  return key.byteLength === KEY_BYTES ? key : null;
}

/** What {@link keyOf} reads. */
export function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString("base64url");
}

/** Null: there is none. */
async function readKey(file: string): Promise<Uint8Array | null> {
  let text: string;
  try {
    text = await readFile(file, "latin1");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
  const key = keyOf(text);
  if (key !== null) return key;
  throw new StartError(
    `${file} is damaged: expected ${KEY_BYTES} bytes in base64url. Restore it from a backup, or delete it: then guests ` +
      "become new guests, and what they said stays.",
  );
}

async function makeKey(folder: string, file: string): Promise<Uint8Array> {
  const key = randomBytes(KEY_BYTES);
  const draft = `${file}.new`;
  // One that was left by a crash could have other rights.
  await rm(draft, { force: true });
  const handle = await open(draft, "wx", PRIVATE_FILE);
  try {
    await handle.writeFile(`${textOf(key)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  await syncFolder(folder);
  return key;
}

/** A name is on disk when its folder is. Not every system can sync a folder; those that can't do it by themselves. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r").catch(() => null);
  await handle?.sync().catch(() => {});
  await handle?.close();
}
