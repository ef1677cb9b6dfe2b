import type { Door } from "../harness/door.ts";
import { machineVersions } from "../machine.ts";
import { MESSAGE_BYTES, nodeServer, type Peer, type Purpose } from "./peer.ts";
import { SDK_BACKOFF } from "./sdk-backoff.ts";

/** Bytes of a message's data in JSON that are not its text: `{"text":""}`. */
const JSON_BYTES = 11;

/** `carillon.1` with everything in force: a typed contract, history, tickets, sessions with positions. */
export const CARILLON: Peer = {
  name: "Carillon",
  isExact: true,
  hasTickets: true,
  collects: true,
  settings: [
    "valibot checks every message; history of 1,000; single-use tickets; a session per connection, with positions and a resume credential",
    "commandsPerSecond is raised to 1,000,000: one publisher here stands for many",
    "connections is raised from 15,000 to 20,000: a publisher comes on top of 15,000 subscribers",
    "in the scenario with a restart, the backplane is lmdb: synced before it is acknowledged; otherwise it is memory, the default",
  ],
  find: () => Promise.resolve({ version: machineVersions().carillon }),
  command: (port, purpose) => nodeServer("carillon.ts", port, purpose, { durablePath: purpose.durablePath }),
  door,
};

function door({ bytes = MESSAGE_BYTES }: Purpose): Door {
  const publish = `{"cmd":"publish","id":<<id>>,"channel":"bench:<<ch>>","publication":"p<<ch>>-<<id>>"`;
  const data = `"data":{"text":"<<body>>"}}`;
  const subscribe = `{"cmd":"subscribe","id":<<id>>,"channel":"bench:<<ch>>"`;
  return {
    path: "/realtime",
    protocol: "carillon.1.json",
    login: `{"cmd":"connect","id":1,"ticket":"<<ticket>>"}`,
    relogin: `{"cmd":"connect","id":1,"resume":"<<resume>>"}`,
    loginOk: `"instance":`,
    confirm: `{"cmd":"pong"}`,
    subscribe: `${subscribe}}`,
    resubscribe: `${subscribe},"position":"<<position>>"}`,
    subscribeOk: `"kind":"log"`,
    publish: `${publish},${data}`,
    republish: `${publish},"resend":{"epoch":"<<epoch>>","at":<<wall>>},${data}`,
    ack: `{"re":`,
    error: `"error":{`,
    call: `{"cmd":"call","id":<<id>>,"name":"echo","input":{"text":"<<body>>"}}`,
    ping: `{"push":"heartbeat"}`,
    pong: `{"cmd":"pong"}`,
    resumeKey: `"resume":"`,
    epochKey: `"epoch":"`,
    positionKey: `"pos":"`,
    previousKey: `"prev":"`,
    gap: `"push":"gap"`,
    // As the client SDK joins the commands of one turn.
    joinedBytes: 12_000,
    bodyBytes: bytes - JSON_BYTES,
    ...SDK_BACKOFF,
    attemptMs: 10_000,
  };
}
