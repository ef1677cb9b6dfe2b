// Sends every message back. Open http://localhost:8080, or run `node client.mjs`.
import { defineContract } from "@carillon/protocol";
import { createCarillon, ownOrigins } from "@carillon/server";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import * as v from "valibot";

const page = await readFile(new URL("index.html", import.meta.url));
const server = createServer((request, response) => {
  if (request.url === "/") response.writeHead(200, { "Content-Type": "text/html; charset=utf-8" }).end(page);
  else response.writeHead(404).end("Not found");
});
server.listen(Number(process.env.PORT ?? 8080), "127.0.0.1");
await once(server, "listening");
const address = server.address();
// With PORT=0 it is the system that has chosen the port.
const port = typeof address === "object" && address !== null ? address.port : 0;

const carillon = createCarillon({
  // A raw endpoint needs no channels and no tickets, so there is nothing to say about either.
  contract: defineContract({ channels: {} }),
  user: v.object({ id: v.string() }),
  // Only the page that is served here may connect; what is no browser sends no origin and may, too.
  origins: ownOrigins("localhost", port),
  raw: { "/echo": { handler: echo, messageBytes: 1024 } },
});
carillon.attach(server);
console.log(`Echo is at http://localhost:${port}`);

/** @param {import("@carillon/server").RawPeer} peer */
function echo(peer) {
  console.log(`${peer.id} has come from ${peer.remoteAddress}`);
  peer.on("message", (message) => {
    const [, code, reason = ""] = /^close (\d+) ?(.*)$/.exec(String(message)) ?? [];
    // An application's own codes are 3000 to 4999.
    if (code !== undefined) peer.close({ code: Number(code), reason });
    // An error ends the connection of its own peer with 1011, and nothing else.
    else if (message === "fail") throw new Error("You said fail.");
    else peer.send(message);
  });
  peer.on("close", (code, reason) => console.log(`${peer.id} has gone: ${code} ${reason}`));
}
