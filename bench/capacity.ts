/**
 * `npm run capacity -- --help`: the arithmetic of docs/scaling.md for a load of your own.
 */
import { capacityArguments, CAPACITY_USAGE } from "./arithmetic/arguments.ts";
import { plan } from "./arithmetic/capacity.ts";
import { markdownTable } from "./report/table.ts";

const asked = capacityArguments(process.argv.slice(2));
if (asked === "help") console.log(CAPACITY_USAGE);
else if (typeof asked === "string") {
  console.error(asked);
  process.exitCode = 2;
} else console.log(markdownTable(["what", "how much", ""], plan(asked)));
