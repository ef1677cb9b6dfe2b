// One chat with two doors: plain WebSockets at /wschat, the SDK at /realtime. Open http://localhost:8080/?name=Ada
import { createCarillon, ownOrigins } from "@carillon/server";
import { buildSync } from "esbuild";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { contract } from "./contract.mjs";

/** @param {string} name */
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
const sdk = buildSync({ entryPoints: [file("sdk.ts")], bundle: true, format: "esm", write: false });
/** @type {Map<string | undefined, [type: string, body: string | Uint8Array]>} */
const pages = new Map([
  ["/", ["text/html", readFileSync(file("plain.html"))]],
  ["/sdk", ["text/html", readFileSync(file("sdk.html"))]],
  ["/style.css", ["text/css", readFileSync(file("style.css"))]],
  ["/sdk.js", ["text/javascript", sdk.outputFiles[0]?.contents ?? ""]],
]);

const server = createServer((request, response) => {
  const [path] = (request.url ?? "").split("?");
  const [type, body] = pages.get(path) ?? [];
  if (path === "/ticket" && request.method === "POST") sendTicket(response);
  else if (type !== undefined) response.writeHead(200, { "Content-Type": `${type}; charset=utf-8` }).end(body);
  else response.writeHead(404).end("Not found");
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
await once(server, "listening");
const address = server.address();
// With PORT=0 it is the system that has chosen the port.
const port = typeof address === "object" && address !== null ? address.port : 0;

const carillon = createCarillon({
  contract,
  user: v.object({ id: v.string() }),
  authorize: { "wschat:main": () => ({ subscribe: true, publish: true }) },
  origins: ownOrigins("localhost", port),
  // Anybody may come in here without a ticket, read and write: { name, msg } as JSON, one message a frame.
  raw: { "/wschat": { channel: "wschat:main", format: "json", subscribe: true, publish: true } },
});
carillon.attach(server);
console.log(`The chat is at http://localhost:${port}/?name=Ada and http://localhost:${port}/sdk?name=Bob`);

/** @param {import("node:http").ServerResponse} response */
function sendTicket(response) {
  // Whoever asks is a new guest. A real application looks here who it is: a session, a password, a cookie.
  carillon.tickets
    .issue({ user: { id: `guest-${randomUUID()}` } })
    .then((ticket) => response.end(ticket))
    .catch(() => response.writeHead(503).end("No ticket can be issued now."));
}
