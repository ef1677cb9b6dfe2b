/** Carillon as an application has it: `carillon.ts <port> <options>`. */
import { lmdb } from "@carillon/lmdb";
import { call, defineContract, log } from "@carillon/protocol";
import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import { createCarillon, type Backplane } from "@carillon/server";
import { createServer } from "node:http";
import * as v from "valibot";
import { answerCollect, answerTickets, listen, serverOptions } from "./options.ts";

const { port, options } = serverOptions();
const text = v.object({ text: v.pipe(v.string(), v.maxLength(4_096)) });
const http = createServer();
const carillon = createCarillon({
  contract: defineContract({
    channels: { "bench:{room}": log({ data: text, history: { size: 1_000 } }) },
    calls: { echo: call({ input: text, output: text }) },
  }),
  user: v.object({ id: v.string() }),
  authorize: { "bench:{room}": () => ({ subscribe: true, publish: true }) },
  calls: { echo: ({ input }) => input },
  // One publisher stands for many, and is faster than any client should be; it comes on top of 15,000 subscribers.
  limits: { commandsPerSecond: 1_000_000, commandsBurst: 1_000_000, connections: 20_000 },
  ...backplane(),
});
answerTickets(http, (index) => carillon.tickets.issue({ user: { id: `user${index}` } }));
answerCollect(http);
carillon.attach(http);
await carillon.ready();
listen(http, port);

/** What the server keeps its channels in: its memory, unless it is told otherwise. */
function backplane(): { readonly backplane?: Backplane } {
  const { durablePath, redisPort, natsPort } = options;
  if (typeof durablePath === "string") return { backplane: lmdb({ path: durablePath }) };
  if (typeof redisPort === "number") return { backplane: redis({ url: `redis://127.0.0.1:${redisPort}` }) };
  return typeof natsPort === "number" ? { backplane: nats({ servers: `127.0.0.1:${natsPort}` }) } : {};
}
