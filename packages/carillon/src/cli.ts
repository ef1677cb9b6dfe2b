/** What `bin/carillon.js` runs. */
import { main } from "./main.ts";

// Not left to the event loop: whatever should still keep it busy, the command is done.
process.exit(await main(process.argv.slice(2), process.env));
