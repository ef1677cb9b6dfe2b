/** `ws` as everybody writes it, with a loop that sends each message to each subscriber: `ws-loop.ts <port> <options>`. */
import { createServer } from "node:http";
import { Redis } from "ioredis";
import { WebSocket, WebSocketServer } from "ws";
import { answerCollect, listen, serverOptions } from "./options.ts";

/** Which delivery a control leaves out, or repeats. */
const FAULT_EVERY = 10_000;
/** At which message a control stands still, and for how long. */
const STALL_AT = 50;
const STALL_MS = 400;
/** Which message from another node a control does not hear. */
const DEAF_EVERY = 100;
/** Where nodes of a cluster pass messages on. */
const TOPIC = "messages";
/** Where the channel's digits stand in a message, behind its mark. */
const CHANNEL_START = 1;
const CHANNEL_END = 6;

const { port, options } = serverOptions();
const fault = options["fault"];
const http = createServer();
const server = new WebSocketServer({ server: http, perMessageDeflate: false });
const rooms = new Map<number, Set<WebSocket>>();
let sends = 0;
let publishes = 0;
const broker = await joinCluster();

server.on("connection", (ws) => {
  ws.on("message", (data: Buffer) => {
    const first = data.toString("latin1", 0, 1);
    if (first === "+") subscribe(ws, Number(data.toString("latin1", 1)));
    else if (first === "?") ws.send(data.subarray(1), { binary: false });
    else if (broker === null) publish(data);
    else void broker.publish(TOPIC, data);
  });
});
answerCollect(http);
listen(http, port);

function subscribe(ws: WebSocket, channel: number): void {
  const room = rooms.get(channel) ?? new Set();
  rooms.set(channel, room.add(ws));
  ws.on("close", () => room.delete(ws));
  ws.send("+ok");
}

function publish(data: Buffer): void {
  if (++publishes === STALL_AT && fault === "stalling") stall();
  const room = rooms.get(Number(data.toString("latin1", CHANNEL_START, CHANNEL_END)));
  for (const subscriber of room ?? []) {
    const isFaulty = fault !== undefined && ++sends % FAULT_EVERY === 0;
    if (isFaulty && fault === "lossy") continue;
    if (subscriber.readyState === WebSocket.OPEN) subscriber.send(data, { binary: false });
    if (isFaulty && fault === "doubling") subscriber.send(data, { binary: false });
  }
}

function stall(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STALL_MS);
}

/** What is published goes to all nodes by Pub/Sub, and comes back from there; null for a server that stands alone. */
async function joinCluster(): Promise<Redis | null> {
  const { brokerPort } = options;
  if (typeof brokerPort !== "number") return null;
  const listening = new Redis({ port: brokerPort });
  let heard = 0;
  listening.on("messageBuffer", (_topic: Buffer, message: Buffer) => {
    if (++heard % DEAF_EVERY === 0 && fault === "deaf") return;
    publish(message);
  });
  await listening.subscribe(TOPIC);
  return new Redis({ port: brokerPort });
}
