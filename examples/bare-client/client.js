// A client of carillon.1 with nothing but `ws`, written from PROTOCOL.md; the numbers below are its sections.
// Prints what is published, and publishes each line of its input: node client.js [http://localhost:8080]
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { WebSocket } from "ws";

const server = new URL(process.argv[2] ?? `http://localhost:${process.env.PORT ?? 8080}`);
const channel = "wschat:main";
const queue = new Set(); // Publishes that are not confirmed, in their order.
let position, resume, instance; // What outlives a connection: the place in the channel (6), and who this is (4).
let socket, welcome, heardAt;
let [attempt, id] = [0, 2];

async function connect() {
  const credential = resume ? { resume } : { ticket: await ticket() };
  socket = new WebSocket(new URL("/realtime", server), "carillon.1.json");
  heardAt = Date.now();
  socket.on("open", () => {
    send({ cmd: "connect", id: 1, ...credential }); // First, and alone in its frame (4).
    send({ cmd: "subscribe", id: 2, channel, position });
  });
  socket.addEventListener("message", ({ data }) => data.split("\n").forEach((line) => received(JSON.parse(line))));
  socket.on("error", () => {}); // `close` follows.
  socket.on("close", closed);
}

function received({ re, ok, error, push, ...message }) {
  heardAt = Date.now();
  if (error) console.error(`refused: ${error.code}, ${error.message}`);
  if (re === 1 && ok) connected(ok);
  else if (re === 2 && ok) position = ok.pos;
  else if (re && error?.retry) leave(); // Whatever is unconfirmed is sent again after the reconnect.
  else if (re) queue.forEach((item) => item.id === re && queue.delete(item));
  else if (push === "heartbeat") send({ cmd: "pong" });
  else if (push === "drain") setTimeout(leave, message.delayMs, socket);
  else if (push === "gap") position = message.to; // What is missing is gone; what remains comes next.
  else if (push === "items" && message.prev === position) took(message); // The receiver's rule (6).
  else if (push === "items" || push === "unsubscribed") leave(); // Out of step: catches up from `position`.
}

function took({ pos, items }) {
  position = pos;
  for (const { data, amend } of items) if (data && !amend) console.log(`${data.name}: ${data.msg}`);
}

function connected(ok) {
  // What another instance has tried may have landed: to publish it again might repeat it (5).
  const tried = instance === ok.instance ? [] : [...queue].filter(({ resend }) => resend);
  tried.forEach((item) => queue.delete(item) && console.error(`uncertain: ${item.data.msg}`));
  if (resume) send({ cmd: "pong" }); // Confirms the next credential (4).
  [welcome, resume, instance, attempt] = [{ ...ok, here: Date.now() }, ok.resume, ok.instance, 0];
  console.error(`connected as ${instance}`);
  queue.forEach(publish);
}

function closed(code, reason) {
  console.error(`closed: ${code} ${reason}`);
  welcome = undefined;
  if (code >= 4500) process.exit(1); // Not wanted (8).
  if (code >= 4100) resume = undefined; // Only with a new ticket (8).
  setTimeout(start, (attempt ? 0.5 + Math.random() / 2 : Math.random()) * Math.min(20_000, 500 * 2 ** attempt++)); // Backoff (7).
}

function publish(item) {
  queue.add(item);
  if (!welcome) return; // It waits for a connection.
  send({ cmd: "publish", channel, ...item, id: (item.id = ++id) });
  item.resend ??= { epoch: welcome.idempotency.epoch, at: welcome.time + Date.now() - welcome.here }; // Lands once (5).
}

const ticket = () => fetch(new URL("/ticket", server), { method: "POST" }).then((response) => response.text());
const start = () => void connect().catch((error) => closed(1006, error.message));
const send = (command) => socket.send(JSON.stringify(command));
const leave = (connection = socket) => connection.close(4000);
const say = (msg) => publish({ publication: randomUUID(), data: { name: process.env.NAME ?? "Bare", msg } });
const isDead = () => Date.now() - heardAt > 1.5 * (welcome?.heartbeatMs ?? 10_000);
setInterval(() => isDead() && socket?.terminate(), 1_000); // A connection that is silent for too long is dead (4).
createInterface({ input: process.stdin }).on("line", say);
start();
