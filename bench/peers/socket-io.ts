import type { Door } from "../harness/door.ts";
import { machineVersions } from "../machine.ts";
import { MESSAGE_BYTES, nodeServer, type Peer, type Purpose } from "./peer.ts";

/** Bytes of a message's data in JSON that are not its text: its quotes. */
const JSON_BYTES = 2;

const SETTINGS = [
  "transports: websocket only, so that no client starts by polling",
  "perMessageDeflate off, the default since version 3",
  "httpCompression off and serveClient off: not used here",
  "a middleware checks an HMAC-signed token, as a JWT would be checked; any number of uses",
] as const;

/** Socket.IO as its documentation sets it up for WebSocket only. */
export const SOCKET_IO: Peer = {
  name: "Socket.IO",
  hasTickets: true,
  collects: true,
  settings: SETTINGS,
  find: () => Promise.resolve({ version: machineVersions().socketIo }),
  command: (port, purpose) => nodeServer("socket-io.ts", port, purpose, { recovers: false }),
  door: ({ bytes = MESSAGE_BYTES, isAcknowledged = false }) => ({
    ...common(bytes, isAcknowledged),
    login: `40{"token":"<<ticket>>"}`,
    subscribe: `42<<id>>["subscribe","<<ch>>"]`,
    isPipelined: false,
  }),
};

/** The same with connection state recovery, which keeps what a client missed for two minutes in memory. */
export const SOCKET_IO_RECOVERING: Peer = {
  ...SOCKET_IO,
  name: "Socket.IO CSR",
  settings: [...SETTINGS, "connectionStateRecovery with its defaults: two minutes, in memory, middlewares skipped"],
  command: (port, purpose) => nodeServer("socket-io.ts", port, purpose, { recovers: true }),
  door: recoveringDoor,
};

function recoveringDoor({ bytes = MESSAGE_BYTES, isAcknowledged = false }: Purpose): Door {
  return {
    ...common(bytes, isAcknowledged),
    // The room goes with the login: who is recovered is in it already, and must not ask again.
    login: `40{"token":"<<ticket>>","room":"<<room>>"}`,
    relogin: `40{"token":"<<ticket>>","room":"<<room>>","pid":"<<resume>>","offset":"<<position>>"}`,
    resumeKey: `"pid":"`,
    positionKey: `,"`,
  };
}

function common(bytes: number, isAcknowledged: boolean): Door {
  return {
    path: "/socket.io/?EIO=4&transport=websocket",
    opened: "0{",
    loginOk: "40{",
    subscribeOk: `["ok"`,
    publish: `42${isAcknowledged ? "<<id>>" : ""}["publish","<<ch>>","<<body>>"]`,
    ack: "43",
    error: "44{",
    call: `42<<id>>["echo","<<body>>"]`,
    ping: "2",
    pong: "3",
    bodyBytes: bytes - JSON_BYTES,
    // reconnectionDelay 1,000, reconnectionDelayMax 5,000, randomizationFactor 0.5: the client's defaults.
    backoffBaseMs: 1_500,
    backoffMaxMs: 5_000,
    backoffMinShare: 1 / 3,
    attemptMs: 20_000,
  };
}
