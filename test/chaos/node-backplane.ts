import { lmdb } from "@carillon/lmdb";
import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import { memory } from "@carillon/server";
import type { Backplane } from "@carillon/server/backplane";

/** How a node reaches its backplane, in a form that travels to its process. A broker adds a form of its own here. */
export type NodeBackplane =
  /** For tests of this harness: it forgets everything, so that every kill loses. */
  | { readonly kind: "memory" }
  | { readonly kind: "lmdb"; readonly path: string }
  | { readonly kind: "redis"; readonly url: string }
  | { readonly kind: "nats"; readonly servers: string };

/** The backplane that a node is to use. */
export function openNodeBackplane(description: NodeBackplane): Backplane {
  if (description.kind === "redis") return redis({ url: description.url });
  if (description.kind === "nats") return nats({ servers: description.servers });
  return description.kind === "lmdb" ? lmdb({ path: description.path }) : memory();
}
