/** How long a test waits for what has to happen, in milliseconds. */
const PATIENCE_MS = 15_000;
/** Between two looks, in milliseconds. */
const LOOK_MS = 10;

/** Waits until something is so; rejects with a sentence when it takes longer. */
export async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string = "what is waited for",
  ms: number = PATIENCE_MS,
): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Expected within ${ms} ms: ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}
