// The order in which test files of a turn start: those that take long first, so that the last to end is a short one. On
// a machine that has not run them yet nothing is known of them but the project they belong to.

import { BaseSequencer } from "vitest/node";

/** Projects, the longest files first; those that are not named come last. */
const ORDER = ["property", "simulation", "brokers", "integration", "house", "browser"];
/** Single files that take longer than others of their project. */
const LONG = ["packages/redis/", "lmdb-retries", "bare-client", "packages/lmdb/test/folder"];

/** @param {import("vitest/node").TestSpecification} spec @returns {number} its place among all, the first is the lowest */
function placeOf({ project, moduleId }) {
  const place = ORDER.indexOf(project.name);
  const isLong = LONG.some((part) => moduleId.includes(part));
  const inTurn = (place === -1 ? ORDER.length : place) - (isLong ? ORDER.length : 0);
  return project.config.sequence.groupOrder * 1_000 + inTurn;
}

export class LongestFirst extends BaseSequencer {
  /** @override @param {import("vitest/node").TestSpecification[]} specs */
  async sort(specs) {
    const sorted = await super.sort(specs);
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}
