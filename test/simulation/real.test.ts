import { expect, it } from "vitest";
import { WITHOUT_REDIS } from "../support/redis-server.ts";
import { missingNats } from "../support/nats-server.ts";
import { simulate, verdictIn } from "./command.ts";

/** Most of what a seed does is wait, so a handful takes hardly longer than one. */
const SEEDS = 4;

/** The same seeds each time: what decides on a change is no place to look for new faults; `npm run simulate` is. */
const SEED = 1;
const CASES = [
  { backplane: "redis", missing: WITHOUT_REDIS },
  { backplane: "nats", missing: missingNats() ?? null },
];

for (const { backplane, missing } of CASES) {
  it.concurrent(`no promise is broken by clusters over a real ${backplane} server`, async (context) => {
    if (missing !== null) context.skip(missing);
    const options = `--backplane ${backplane} --seed ${SEED} --seeds ${SEEDS} --at-once ${SEEDS} --workers 1`;
    const printed = await simulate(...options.split(" "));
    console.log(`From seed ${SEED}, over ${backplane}: ${verdictIn(printed)}`);
    expect(printed).toContain(`${SEEDS} seeds: 0 violations`);
  });
}

it.concurrent("a publication that is repeated over a real server is found out where ids are not known again", async (context) => {
  if (WITHOUT_REDIS !== null) context.skip(WITHOUT_REDIS);
  // One seed in six finds it, and the first that does ends the run: so many seeds all miss it once in a million times.
  const options = "--backplane redis --seed 1 --seeds 72 --at-once 12 --fault no-dedup";
  await expect(simulate(...options.split(" "))).rejects.toThrow("violation");
});
