import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { extname, join } from "node:path";
import type { Answer } from "./answer.ts";
import type { Route } from "./router.ts";

const TYPES: ReadonlyMap<string, string> = new Map([
  [".html", "text/html; charset=utf-8"],
  [".css", "text/css; charset=utf-8"],
  [".js", "text/javascript; charset=utf-8"],
  [".map", "application/json; charset=utf-8"],
  [".svg", "image/svg+xml"],
  [".png", "image/png"],
  [".ico", "image/x-icon"],
  [".woff2", "font/woff2"],
]);

/** The file that stands for its folder. */
const INDEX = "index.html";

/**
 * Routes for the files of a folder, which are few, ours, and read into memory once: a request names a route or it does
 * not, so there is no path of the file system that a request could lead to. Browsers ask each time whether their copy
 * is still good, and are told so by its hash. Rejects with Node's error when the folder can't be read.
 */
export async function staticRoutes(folder: string): Promise<(readonly [path: string, route: Route])[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const routes = await Promise.all(
    files.map(async (entry): Promise<readonly [string, Route]> => {
      const file = join(entry.parentPath, entry.name);
      const path = file.slice(folder.length).replaceAll("\\", "/").replace(/^\/*/, "/");
      const route = fileRoute(await readFile(file), TYPES.get(extname(path)) ?? "application/octet-stream");
      return [path.endsWith(`/${INDEX}`) ? path.slice(0, -INDEX.length) : path, route];
    }),
  );
  return routes;
}

function fileRoute(body: Buffer, type: string): Route {
  const tag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`;
  const headers = { "Cache-Control": "no-cache", ETag: tag };
  return {
    GET: (request): Answer =>
      isKnown(request, tag)
        ? { status: 304, headers }
        : { status: 200, headers: { ...headers, "Content-Type": type }, body },
  };
}

/** True if the browser's copy is the one that it would get (RFC 9110, section 13.1.2). */
function isKnown(request: IncomingMessage, tag: string): boolean {
  const tags = (request.headers["if-none-match"] ?? "").split(",").map((entry) => entry.trim().replace(/^W\//, ""));
  return tags.includes(tag) || tags.includes("*");
}
