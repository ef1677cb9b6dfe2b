/** Why a folder can't be used, or can't be used any more. The message says what to do. */
export class StoreError extends Error {
  override readonly name: string = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/**
 * `in_use`: another process has the folder. `newer_format`: a later version of Carillon wrote it. `damaged`: what is in
 * it is not what was written. `not_a_store`: it holds something else. `inaccessible`: it can't be made, read or written.
 */
export type StoreErrorCode = "in_use" | "newer_format" | "damaged" | "not_a_store" | "inaccessible";

/** What was read is not what was written: a broken disk, or someone else's hands. */
export function damaged(what: string, cause?: unknown): StoreError {
  const message = `The store is damaged: ${what}. Stop the server and restore the folder from a backup.`;
  return new StoreError("damaged", message, { cause });
}
