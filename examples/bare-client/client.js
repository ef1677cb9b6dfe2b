// A client of carillon.1 with nothing but `ws`, written from PROTOCOL.md; the numbers below are its sections.
// Prints what is published, and publishes each line of its input: node client.js [http://localhost:8080]
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const server = new URL(process.argv[2] ?? `http://localhost:${process.env.PORT ?? 8080}`);
const name = process.env.NAME ?? "Bare";
const channel = "wschat:main";
const queue = new Map(); // Publishes that are not confirmed, by publication id.
let position, resume; // What outlives a connection: the place in the channel (6) and the credential (4).
let socket, welcome, watch;
let attempt = 0;
let id = 2;

async function connect() {
  const credential = resume ? { resume } : { ticket: await ticket().catch(() => undefined) };
  socket = new WebSocket(new URL("/realtime", server), "carillon.1.json");
  socket.on("open", () => {
    send({ cmd: "connect", id: 1, ...credential }); // First, and alone in its frame (4).
    send({ cmd: "subscribe", id: 2, channel, position });
  });
  socket.on("message", (frame) => frame.toString().split("\n").forEach((line) => received(JSON.parse(line))));
  socket.on("error", () => {}); // `close` follows.
  socket.on("close", closed);
}

async function ticket() {
  const response = await fetch(new URL("/ticket", server), { method: "POST", body: JSON.stringify({ name }) });
  return response.text();
}

function received({ re, ok, error, push, ...message }) {
  clearTimeout(watch); // A connection that is silent for too long is dead (4).
  watch = setTimeout(() => socket.terminate(), 1.5 * (welcome?.heartbeatMs ?? 10_000));
  if (error) console.error(`refused: ${error.code}, ${error.message}`);
  if (re === 1 && ok) connected(ok);
  else if (re === 2 && ok) position = ok.pos;
  else if (re && error?.retry) leave(); // Whatever is unconfirmed is sent again after the reconnect.
  else if (re) queue.forEach((item, publication) => item.id === re && queue.delete(publication));
  else if (push === "heartbeat") send({ cmd: "pong" });
  else if (push === "drain") setTimeout(leave, message.delayMs);
  else if (push === "gap") missed(message);
  else if (push === "items" && message.prev === position) took(message); // The receiver's rule (6).
  else if (push === "items" || push === "unsubscribed") leave(); // Out of step: catches up from `position`.
}

function connected(ok) {
  [welcome, resume, attempt] = [{ ...ok, here: Date.now() }, ok.resume, 0];
  send({ cmd: "pong" }); // Confirms the credential (4).
  console.error(`connected as ${ok.instance}`);
  for (const publication of queue.keys()) publish(publication);
}

function closed(code, reason) {
  console.error(`closed: ${code} ${reason}`);
  clearTimeout(watch);
  welcome = undefined;
  if (code >= 4500) process.exit(1); // Not wanted (8).
  if (code >= 4100) resume = undefined; // Only with a new ticket (8).
  setTimeout(() => void connect(), Math.random() * Math.min(20_000, 500 * 2 ** attempt++)); // Full jitter (7).
}

function publish(publication) {
  const item = queue.get(publication);
  send({ cmd: "publish", id: (item.id = ++id), channel, publication, data: item.data, resend: item.resend });
  item.resend ??= { epoch: welcome.idempotency.epoch, at: welcome.time + Date.now() - welcome.here }; // Lands once (5).
}

const send = (command) => socket.send(JSON.stringify(command));
const leave = () => socket.close(4000);
createInterface({ input: process.stdin }).on("line", (msg) => {
  const publication = randomUUID();
  queue.set(publication, { data: { name, msg } });
  if (welcome) publish(publication);
});
void connect();
