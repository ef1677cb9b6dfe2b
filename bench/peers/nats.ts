import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installDebian } from "./install.ts";
import { MESSAGE_BYTES, type Peer } from "./peer.ts";

const FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));

/** nats-server, spoken to over WebSocket: a message broker in Go, without history here. */
export const NATS: Peer = {
  name: "nats-server",
  settings: [
    "WebSocket listener without TLS and without compression, since the others have none either",
    "GOMAXPROCS 1: it has one processor, and Go would start threads for all",
    "write_deadline 10s and max_pending 64 MB, its defaults; no authentication, no JetStream",
  ],
  find: () => {
    const missing = installDebian("nats-server", ["nats-server"]);
    if (missing !== null) return Promise.resolve({ missing });
    const { stdout } = spawnSync("nats-server", ["--version"], { encoding: "utf8" });
    return Promise.resolve({ version: /v?(\d[\d.]*)/.exec(stdout)?.[1] ?? "?" });
  },
  command: (port) => {
    mkdirSync(FOLDER, { recursive: true });
    const file = `${FOLDER}nats-${port}.conf`;
    // The classic listener is not used, and takes any port.
    writeFileSync(
      file,
      `listen: "127.0.0.1:-1"\nmax_connections: 70000\nwebsocket { host: "127.0.0.1", port: ${port}, no_tls: true, compression: false }\n`,
    );
    return { command: ["nats-server", "-c", file], env: { GOMAXPROCS: "1" } };
  },
  door: ({ bytes = MESSAGE_BYTES }) => ({
    path: "/",
    opcode: 2,
    opened: "INFO",
    subscribe: `CONNECT {"verbose":false,"pedantic":false,"protocol":1}\r\nSUB bench.<<ch>> <<id>>\r\nPING\r\n`,
    subscribeOk: "PONG",
    publish: "PUB bench.<<ch>> <<bytes>>\r\n<<body>>\r\n",
    error: "-ERR",
    // Sent too when it stands behind a message in one frame: then it goes unanswered, which the server forgives for minutes.
    ping: "PING\r\n",
    pong: "PONG\r\n",
    isStream: true,
    bodyBytes: bytes,
  }),
};
