/**
 * What Node's sockets cost by themselves, below `ws` and below Node's HTTP: `net-echo.ts <port> <options>`. It answers a
 * WebSocket upgrade, `+` and `?` as the load generator sends them, whose masking keys are zero, and checks nothing. No server
 * that stands on `node:net` can cost less; it is of no other use.
 */
import { createHash } from "node:crypto";
import { createServer, type Socket } from "node:net";
import { serverOptions } from "./options.ts";

/** As deep as the system allows, as for the others. */
const BACKLOG = 4_096;
/** What a server proves an upgrade with (RFC 6455, section 1.3). */
const GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const KEY = /Sec-WebSocket-Key: (\S+)/;
const QUESTION = "?".charCodeAt(0);
const MASK_BYTES = 4;
const FINAL_TEXT = 0x81;
const SUBSCRIBED = frameOf(Buffer.from("+ok"));

const { port } = serverOptions();
createServer({ noDelay: true }, (socket) => {
  socket.on("error", () => {});
  socket.once("data", (head) => {
    upgrade(socket, head.toString("latin1"));
    socket.on("data", (chunk) => socket.write(answersTo(chunk)));
  });
}).listen({ port, host: "127.0.0.1", backlog: BACKLOG });
process.on("SIGTERM", () => process.exit(0));

function upgrade(socket: Socket, head: string): void {
  const key = KEY.exec(head)?.[1] ?? "";
  const proof = createHash("sha1").update(`${key}${GUID}`).digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${proof}\r\n\r\n`,
  );
}

/** The answers to all frames of a read, which on loopback are whole. */
function answersTo(chunk: Buffer): Buffer {
  const answers: Buffer[] = [];
  for (let at = 0; at < chunk.length;) {
    const code = (chunk[at + 1] ?? 0) & 0x7f;
    const start = at + (code < 126 ? 2 : 4) + MASK_BYTES;
    const end = start + (code < 126 ? code : chunk.readUInt16BE(at + 2));
    answers.push(chunk[start] === QUESTION ? frameOf(chunk.subarray(start + 1, end)) : SUBSCRIBED);
    at = end;
  }
  const [first] = answers;
  return answers.length === 1 && first !== undefined ? first : Buffer.concat(answers);
}

function frameOf(payload: Buffer): Buffer {
  const start = payload.length < 126 ? 2 : 4;
  const frame = Buffer.allocUnsafe(start + payload.length);
  frame[0] = FINAL_TEXT;
  frame[1] = payload.length < 126 ? payload.length : 126;
  if (payload.length >= 126) frame.writeUInt16BE(payload.length, 2);
  frame.set(payload, start);
  return frame;
}
