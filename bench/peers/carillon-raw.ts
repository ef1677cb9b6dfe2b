import { machineVersions } from "../machine.ts";
import { MESSAGE_BYTES, nodeServer, type Peer } from "./peer.ts";

/** Carillon's gateway for plain WebSockets, over the same kernel with the same history. */
export const CARILLON_RAW: Peer = {
  name: "Carillon raw",
  collects: true,
  settings: ["the raw WebSocket gateway over the same kernel: a channel of bytes, history of 1,000, no sessions"],
  find: () => Promise.resolve({ version: machineVersions().carillon }),
  command: (port, purpose) => nodeServer("carillon-raw.ts", port, purpose),
  door: ({ bytes = MESSAGE_BYTES }) => ({
    path: "/subscribe",
    publishPath: "/publish",
    opcode: 2,
    publish: "<<body>>",
    bodyBytes: bytes,
  }),
};
