import { spawnSync } from "node:child_process";
import { beforeEach } from "vitest";
import { findChromium } from "../../scripts/chromium.mjs";

/**
 * Skips every test of the enclosing suite, with its reason, if something that it needs is missing. The reporter prints
 * the reason; with CI=true a skipped test is a failure.
 *
 * @param missing What is missing and what to do about it, as a sentence; `undefined` if everything is there.
 */
export function skipWithout(missing: string | undefined): void {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });
}

/** Skips every test of the enclosing suite if one of these programs is not installed. */
export function needsPrograms(...programs: readonly string[]): void {
  const missing = programs.find((program) => spawnSync(program, ["-v"]).error !== undefined);
  skipWithout(missing === undefined ? undefined : `${missing} is not installed; \`npm test\` says how to install it.`);
}

/**
 * The Chromium of this machine, for `chromium.launch({ executablePath })` of playwright-core. Skips the enclosing suite
 * if there is none.
 *
 * @returns The path of the program; empty where the suite is skipped.
 */
export function needsChromium(): string {
  const path = findChromium();
  skipWithout(path === undefined ? "Chromium is not installed; `npm test` says how to install it." : undefined);
  return path ?? "";
}
