import { connect, type Client } from "@carillon/client";
import { defineContract, state, type Contract } from "@carillon/protocol";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { needsPrograms } from "../support/needs.ts";
import { RedisServer } from "../support/redis-server.ts";
import { ServerProcess } from "../support/server-process.ts";

/** The channel `secrets` of the chat, as somebody would write it who wants to get at it. */
const contract = defineContract({ channels: { secrets: state({ value: v.unknown() }), rooms: state({ value: v.unknown() }) } });

/** The real command over Redis, where servers share the key that signs the cookies of guests. */
describe("the key of the guests' cookies", () => {
  needsPrograms("redis-server");
});
