#!/usr/bin/env node
// The command is committed, not built, because npm links a `bin` at install time, before dist/ exists.
import "../dist/cli.js";
