/** Socket.IO as its documentation sets it up: `socket-io.ts <port> <options>`. */
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";
import { Server } from "socket.io";
import { clusterAdapter } from "./cluster-adapter.ts";
import { answerCollect, answerTickets, listen, serverOptions } from "./options.ts";

const { port, options } = serverOptions();
const http = createServer();
const io = new Server(http, {
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  ...(options["recovers"] === true ? { connectionStateRecovery: {} } : {}),
  ...(await clusterAdapter(options)),
});

/** The same in every process, so that a token outlives a restart. */
const SECRET = "not a secret: these are tokens of a benchmark";
const sign = (id: string): string => createHmac("sha256", SECRET).update(id).digest("base64url");

function isValid(token: unknown): boolean {
  const [id = "", signature = ""] = String(token).split(".");
  const [given, expected] = [Buffer.from(signature), Buffer.from(sign(id))];
  return given.length === expected.length && timingSafeEqual(given, expected);
}

io.use((socket, next) =>
  next(isValid(socket.handshake.auth["token"]) ? undefined : new Error("The token is not valid.")),
);
io.on("connection", (socket) => {
  const { room } = socket.handshake.auth;
  if (room !== undefined) {
    if (!socket.recovered) void socket.join(String(room));
    socket.emit("ok");
  }
  socket.on("subscribe", (channel: string, answer: (text: string) => void) => {
    void socket.join(channel);
    answer("ok");
  });
  socket.on("publish", (channel: string, message: string, answer?: () => void) => {
    io.to(channel).emit("m", message);
    answer?.();
  });
  socket.on("echo", (message: string, answer: (text: string) => void) => answer(message));
});

answerTickets(http, () => {
  const id = randomBytes(8).toString("base64url");
  return Promise.resolve(`${id}.${sign(id)}`);
});
answerCollect(http);
listen(http, port);
