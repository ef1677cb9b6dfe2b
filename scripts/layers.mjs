// The table of layers: who may import whom. What is not listed is refused, a folder that is not listed included.
// It is the table of ARCHITECTURE.md; change both together.

/**
 * @typedef {object} Layer
 * @property {string} path a folder, with everything below it that no longer path claims; or one file
 * @property {readonly string[]} [imports] layers whose values and types it may import, besides its own
 * @property {readonly string[]} [types] layers of which it may import types only
 * @property {readonly string[]} [packages] packages it may import; "node:" stands for every built-in module
 * @property {readonly string[]} [packageTypes] packages of which it may import types only
 * @property {boolean} [isFlat] the folder's own files only: a subfolder needs a row of its own
 * @property {boolean} [composes] may know concrete backplanes, to put a node together
 * @property {boolean} [isSynchronous] part of the synchronous core: events in, effects out
 */

const PROTOCOL = "@carillon/protocol";
const SERVER = "packages/server/src";
const CLIENT = "packages/client/src";

/** @param {readonly string[]} names @returns {readonly string[]} layers of the server */
const server = (...names) => names.map((name) => `${SERVER}/${name}`);

/** @type {readonly Layer[]} */
const LAYERS = [
  { path: "packages/protocol/src", packageTypes: ["@standard-schema/spec"] },

  { path: `${CLIENT}/core`, packages: [PROTOCOL], isSynchronous: true },
  { path: CLIENT, imports: [`${CLIENT}/core`], packages: [PROTOCOL] },

  { path: "packages/react/src", packages: [PROTOCOL, "@carillon/client", "react"] },

  { path: `${SERVER}/core`, packages: [PROTOCOL], isSynchronous: true },
  { path: `${SERVER}/backplane`, imports: server("core"), packages: [PROTOCOL], isSynchronous: true },
  {
    path: `${SERVER}/hub`,
    imports: server("core"),
    types: server("backplane"),
    packages: [PROTOCOL],
    isSynchronous: true,
  },
  {
    path: `${SERVER}/policy`,
    imports: server("core"),
    types: server("backplane"),
    packages: [PROTOCOL],
    isSynchronous: true,
  },
  {
    path: `${SERVER}/session`,
    imports: server("core", "policy"),
    types: server("backplane", "hub"),
    packages: [PROTOCOL],
    isSynchronous: true,
  },
  {
    path: `${SERVER}/transport`,
    imports: server("core", "session"),
    types: server("node.ts"),
    packages: [PROTOCOL, "ws", "node:"],
  },
  {
    path: `${SERVER}/gateway`,
    imports: server("core", "session"),
    types: server("backplane", "hub", "policy"),
    packages: [PROTOCOL, "node:"],
  },
  {
    // What an application holds in its hands: promises and views over a node.
    path: `${SERVER}/face`,
    imports: server("core", "policy", "node.ts"),
    types: server("backplane", "gateway", "session"),
    packages: [PROTOCOL],
  },
  {
    path: `${SERVER}/node.ts`,
    imports: server("core", "backplane", "hub", "policy", "session"),
    packages: [PROTOCOL],
    isSynchronous: true,
  },
  {
    // A node on a virtual clock, put together as server.ts puts together a real one.
    path: `${SERVER}/testing`,
    imports: server("core", "backplane", "policy", "session", "node.ts"),
    packages: [PROTOCOL, "node:"],
    composes: true,
  },
  {
    // server.ts, the composition root, and the entries that re-export it.
    path: SERVER,
    imports: server(
      "core",
      "backplane",
      "hub",
      "policy",
      "session",
      "transport",
      "gateway",
      "face",
      "testing",
      "node.ts",
    ),
    packages: [PROTOCOL, "ws", "node:"],
    isFlat: true,
    composes: true,
  },

  {
    path: "packages/lmdb/src",
    packages: [PROTOCOL, "@carillon/server", "lmdb", "node:"],
  },
  {
    path: "packages/redis/src",
    packages: [PROTOCOL, "@carillon/server", "ioredis", "node:"],
  },
  {
    path: "packages/nats/src",
    packages: [PROTOCOL, "@carillon/server", "@nats-io/transport-node", "node:"],
  },

  {
    path: "packages/carillon/src",
    packages: [
      PROTOCOL,
      "@carillon/server",
      "@carillon/lmdb",
      "@carillon/redis",
      "@carillon/nats",
      "@carillon/client",
      "valibot",
      "node:",
    ],
  },
];

/**
 * Concrete backplanes: only the folder itself and the composition root may know them, so that a node works with any.
 * A file is one if its path starts so.
 */
export const CONCRETE_BACKPLANES = [`${SERVER}/backplane/memory`];

/**
 * @param {string} file a path below the root, with forward slashes
 * @returns {Layer | undefined} the layer it belongs to
 */
export function layerOf(file) {
  let found;
  for (const layer of LAYERS) {
    const isInside = file === layer.path || file.startsWith(`${layer.path}/`);
    if (isInside && (found === undefined || layer.path.length > found.path.length)) found = layer;
  }
  if (found?.isFlat && file.slice(found.path.length + 1).includes("/")) return undefined;
  return found;
}
