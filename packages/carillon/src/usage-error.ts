/** The user's mistake: the message is a sentence for the terminal, and the command ends with 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}
