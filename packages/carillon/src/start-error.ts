/** The server can't start as it was asked to: the message is a sentence for the terminal, without a stack. */
export class StartError extends Error {
  override readonly name: string = "StartError";
}
