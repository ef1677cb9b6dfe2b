/** A promise of the kernel that did not hold. */
class Violation extends Error {
  override readonly name: string = "Violation";
}

/** Throws a {@link Violation} unless `fact` holds; `told` says what was expected and what came. */
export function demand(fact: boolean, told: () => string): asserts fact {
  if (!fact) throw new Violation(told());
}
