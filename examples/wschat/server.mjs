// One chat with two doors: plain WebSockets at /wschat, the SDK at /realtime. Open http://localhost:8080/?name=Ada
import { createCarillon, ownOrigins } from "@carillon/server";
import { buildSync } from "esbuild";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { contract } from "./contract.mjs";

const port = Number(process.env.PORT ?? 8080);
const user = v.object({ id: v.pipe(v.string(), v.minLength(1), v.maxLength(40)) });

const carillon = createCarillon({
  contract,
  user,
  authorize: { "wschat:main": () => ({ subscribe: true, publish: true, history: true }) },
  origins: ownOrigins("localhost", port),
  // Anybody may come in here without a ticket, read and write: { name, msg } as JSON, one message a frame.
  raw: { "/wschat": { channel: "wschat:main", format: "json", subscribe: true, publish: true } },
});

/** @param {string} name */
const file = (name) => fileURLToPath(new URL(name, import.meta.url));
/** @type {Record<string, [type: string, body: string | Uint8Array]>} */
const pages = {
  "/": ["text/html", readFileSync(file("plain.html"))],
  "/sdk": ["text/html", readFileSync(file("sdk.html"))],
  "/sdk.js": ["text/javascript", bundle("sdk.ts")],
};

/** @param {string} name */
function bundle(name) {
  const { outputFiles } = buildSync({ entryPoints: [file(name)], bundle: true, format: "esm", write: false });
  return outputFiles[0]?.contents ?? "";
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://localhost");
  const page = pages[pathname];
  if (request.method === "POST" && pathname === "/ticket") {
    // A real application asks here who it is: a session, a password, a cookie. This one believes what it is told.
    text(request)
      .then((body) => carillon.tickets.issue({ user: { id: JSON.parse(body).name } }))
      .then((ticket) => response.end(ticket))
      .catch(() => response.writeHead(400).end('Expected {"name": "…"}'));
  } else if (page) response.writeHead(200, { "Content-Type": `${page[0]}; charset=utf-8` }).end(page[1]);
  else response.writeHead(404).end("Not found");
});
carillon.attach(server);
server.listen(port, "127.0.0.1", () => console.log(`The chat is at http://localhost:${port}/?name=Ada and /sdk?name=Bob`));
