import { installPackage } from "./install.ts";
import type { Peer } from "./peer.ts";
import { plainDoor } from "./ws.ts";

const VERSION = "1.4.5";
const PLATFORMS: Readonly<Record<string, string>> = { x64: "@oven/bun-linux-x64", arm64: "@oven/bun-linux-aarch64" };
let program = "";

/** Bun's own publish: topics in native code, which the server's JavaScript never loops over. */
export const BUN: Peer = {
  name: "Bun",
  collects: true,
  settings: [
    "server.publish to a topic, in native code",
    "perMessageDeflate off; sendPings as by default; backpressureLimit 16 MB, its default, and closeOnBackpressureLimit off, its default",
    "idleTimeout 960 s, the most it takes, so that idle connections stay",
    "no authentication, no history",
  ],
  find: () => {
    const platform = PLATFORMS[process.arch];
    if (platform === undefined) return Promise.resolve({ missing: `there is no Bun for ${process.arch}` });
    const installed = installPackage(platform, VERSION);
    if ("missing" in installed) return Promise.resolve(installed);
    program = `${installed.folder}bin/bun`;
    return Promise.resolve({ version: VERSION });
  },
  command: (port) => ({ command: [program, new URL("../servers/bun.ts", import.meta.url).pathname, String(port)] }),
  door: ({ bytes }) => plainDoor(bytes),
};
