import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { installDebian } from "./install.ts";
import { MESSAGE_BYTES, type Peer } from "./peer.ts";

const FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));
const MODULE = "/usr/lib/nginx/modules/ngx_nchan_module.so";

/** nchan: publish and subscribe inside nginx, in C. */
export const NCHAN: Peer = {
  name: "nchan",
  settings: [
    "one worker, since it has one processor",
    "nchan_message_buffer_length 1000, as our history; nchan_subscriber_first_message newest",
    "access_log off; worker_connections 20,000",
  ],
  find: () => {
    const missing = installDebian("nginx", ["nginx", "libnginx-mod-nchan"]);
    if (missing !== null) return Promise.resolve({ missing });
    if (!existsSync(MODULE)) return Promise.resolve({ missing: "libnginx-mod-nchan is not installed" });
    const { stdout } = spawnSync("dpkg-query", ["-W", "-f", "${Version}", "libnginx-mod-nchan"], { encoding: "utf8" });
    return Promise.resolve({ version: stdout });
  },
  command: (port) => {
    const folder = `${FOLDER}nchan-${port}/`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}nginx.conf`, configuration(port, folder));
    return { command: ["nginx", "-p", folder, "-c", `${folder}nginx.conf`, "-e", "stderr"] };
  },
  door: ({ bytes = MESSAGE_BYTES }) => ({
    path: "/subscribe/<<ch>>",
    publishPath: "/publish/<<ch>>",
    publish: "<<body>>",
    bodyBytes: bytes,
  }),
};

function configuration(port: number, folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}${name};`,
  );
  return `load_module ${MODULE};
daemon off;
user root;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${folder}nginx.pid;
error_log stderr error;
events { worker_connections 20000; }
http {
  access_log off;
  ${temporary.join("\n  ")}
  nchan_shared_memory_size 256M;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location ~ /subscribe/(\\d+)$ {
      nchan_subscriber websocket;
      nchan_channel_id $1;
      nchan_subscriber_first_message newest;
    }
    location ~ /publish/(\\d+)$ {
      nchan_publisher websocket;
      nchan_channel_id $1;
      nchan_message_buffer_length 1000;
      nchan_message_timeout 5m;
    }
  }
}
`;
}
