#!/usr/bin/env node
// The command is committed, not built, because npm links a `bin` at install time, before dist/ exists.
import { main } from "../dist/cli.js";

// Not left to the event loop: whatever should still keep it busy, the command is done.
process.exit(await main(process.argv.slice(2), process.env));
