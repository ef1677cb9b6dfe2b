/**
 * A programmer's mistake in what an application defines: a contract, a pattern, a duration, an option. It is thrown
 * while the application starts and never travels to a peer. The message says where, what was expected, what came.
 */
export class DefinitionError extends Error {
  override readonly name: string = "DefinitionError";
  /** Always the same; `instanceof` fails where two copies of the package are installed, this does not. */
  readonly code = "invalid_definition" as const;
}
