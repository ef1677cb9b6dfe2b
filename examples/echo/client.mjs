// Sends messages to the echo server, prints what comes back, and how it ends: `node client.mjs Hello "close 4000 bye"`
import { WebSocket } from "ws";

const messages = process.argv.length > 2 ? process.argv.slice(2) : ["Hello", "How are you?"];
const socket = new WebSocket(process.env.URL ?? `ws://localhost:${process.env.PORT ?? 8080}/echo`);
let answers = 0;

socket.on("open", () => {
  for (const message of messages) socket.send(message);
});
socket.on("message", (/** @type {Buffer} */ data) => {
  console.log(`came back: ${data.toString()}`);
  answers += 1;
  if (answers === messages.length) socket.close(1000, "All came back.");
});
// Tells why there is no connection: ECONNREFUSED, or the status of an upgrade that was refused. `close` follows it.
socket.on("error", (/** @type {NodeJS.ErrnoException} */ error) =>
  console.log(`error: ${error.code ?? error.message}`),
);
socket.on("close", (code, reason) => {
  console.log(`closed: ${code} ${reason.toString()}`);
  process.exitCode = code === 1000 ? 0 : 1;
});
