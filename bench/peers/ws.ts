import type { Door } from "../harness/door.ts";
import { machineVersions } from "../machine.ts";
import { MESSAGE_BYTES, nodeServer, type Peer } from "./peer.ts";
import { SDK_BACKOFF } from "./sdk-backoff.ts";

/** The little protocol of servers that have none: `+channel` subscribes, `?` is echoed, anything else is published. */
export function plainDoor(bytes: number = MESSAGE_BYTES): Door {
  return {
    path: "/",
    subscribe: "+<<ch>>",
    subscribeOk: "+ok",
    publish: "<<body>>",
    call: "?<<body>>",
    bodyBytes: bytes,
    // They have no client of their own, so theirs waits as ours does.
    ...SDK_BACKOFF,
  };
}

/** What everybody writes first: `ws`, and a loop that sends to each. */
export const WS: Peer = {
  name: "ws",
  collects: true,
  settings: ["perMessageDeflate off, as its documentation advises", "no authentication, no history: the floor"],
  find: () => Promise.resolve({ version: machineVersions().ws }),
  command: (port, purpose) => nodeServer("ws-loop.ts", port, purpose),
  door: ({ bytes }) => plainDoor(bytes),
};

/** Below everything: what Node's sockets cost by themselves, so that a bar that no server on them can meet shows as such. */
export const NODE_NET: Peer = {
  name: "node:net",
  settings: ["no HTTP parser, no WebSocket library, no check of anything: what Node's sockets cost by themselves"],
  find: () => Promise.resolve({ version: process.versions.node }),
  command: (port, purpose) => nodeServer("net-echo.ts", port, purpose),
  door: ({ bytes }) => plainDoor(bytes),
};

/** What a control does wrong, on purpose, by name. */
export const FAULTS = {
  lossy: "leaves one delivery in 10,000 out",
  doubling: "sends one delivery in 10,000 twice",
  stalling: "stands still for 400 ms, once",
  deaf: "in a cluster: one node leaves out one message in 100 that comes from the others",
} as const;

/** Controls: servers with a fault each, which the bench must find. */
export const FAULTY: readonly Peer[] = Object.entries(FAULTS).map(([name, fault]) => ({
  ...WS,
  name,
  settings: [fault],
  command: (port, purpose) => nodeServer("ws-loop.ts", port, purpose, { fault: name }),
}));
