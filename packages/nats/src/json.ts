/** What a text says that this package has written itself, or that the JetStream API answers with. */
export function parseJson<T>(text: string): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- The form of what is stored is this package's own.
  return JSON.parse(text) as T;
}
