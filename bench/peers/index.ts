import { BUN } from "./bun.ts";
import { CARILLON } from "./carillon.ts";
import { CARILLON_RAW } from "./carillon-raw.ts";
import { NATS } from "./nats.ts";
import { NCHAN } from "./nchan.ts";
import {
  CARILLON_NATS,
  CARILLON_REDIS,
  CARILLON_REDIS_SINGLE,
  FAULTY_CLUSTERS,
  SOCKET_IO_SHARDED,
  SOCKET_IO_STREAMS,
} from "./clusters.ts";
import type { Peer } from "./peer.ts";
import { SOCKET_IO, SOCKET_IO_RECOVERING } from "./socket-io.ts";
import { FAULTY, NODE_NET, WS } from "./ws.ts";

/** Everything that can be measured, the deliberately broken included. */
export const PEERS: readonly Peer[] = [
  CARILLON,
  CARILLON_RAW,
  BUN,
  NATS,
  NCHAN,
  WS,
  NODE_NET,
  SOCKET_IO,
  SOCKET_IO_RECOVERING,
  CARILLON_REDIS,
  CARILLON_REDIS_SINGLE,
  CARILLON_NATS,
  SOCKET_IO_STREAMS,
  SOCKET_IO_SHARDED,
  ...FAULTY,
  ...FAULTY_CLUSTERS,
];
