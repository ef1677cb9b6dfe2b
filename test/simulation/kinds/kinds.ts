import { APPLICATION } from "./application.ts";
import type { Kind } from "./kind.ts";
import { NETWORK } from "./network.ts";
import { SERVERS } from "./servers.ts";
import { TRAFFIC } from "./traffic.ts";

/** Every kind of happening. */
export const KINDS: readonly Kind[] = [...TRAFFIC, ...NETWORK, ...SERVERS, ...APPLICATION];
