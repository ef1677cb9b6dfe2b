/** The raw gateway: plain WebSockets on a channel of bytes: `carillon-raw.ts <port>`. */
import { defineContract, log } from "@carillon/protocol";
import { createCarillon } from "@carillon/server";
import { createServer } from "node:http";
import * as v from "valibot";
import { answerCollect, listen, serverOptions } from "./options.ts";

const { port } = serverOptions();
const channel = "bench:all";
const http = createServer();
const carillon = createCarillon({
  contract: defineContract({
    channels: { [channel]: log({ data: v.instance(Uint8Array), history: { size: 1_000 } }) },
  }),
  user: v.object({ id: v.string() }),
  raw: {
    "/subscribe": { channel, format: "bytes", subscribe: true },
    "/publish": { channel, format: "bytes", publish: true },
  },
  limits: { commandsPerSecond: 1_000_000, commandsBurst: 1_000_000, connections: 20_000 },
});
answerCollect(http);
carillon.attach(http);
await carillon.ready();
listen(http, port);
