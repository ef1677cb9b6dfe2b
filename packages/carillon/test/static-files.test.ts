import { SILENT_LOGGER } from "@carillon/server";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { HttpListener } from "../src/http-listener.ts";
import { Router } from "../src/router.ts";
import { staticRoutes } from "../src/static-files.ts";

describe("the files of a folder", () => {
  let folder: string;
  let listener: HttpListener;
  let url: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "carillon-files-"));
    await mkdir(join(folder, "page/assets"), { recursive: true });
    await writeFile(join(folder, "secret.txt"), "secret");
    await writeFile(join(folder, "page/index.html"), "<!doctype html>");
    await writeFile(join(folder, "page/assets/main.js"), "0");
    await writeFile(join(folder, "page/odd.bin"), "x");
    const router = new Router(await staticRoutes(join(folder, "page")));
    listener = new HttpListener({ handler: (request) => router.answer(request), logger: SILENT_LOGGER });
    url = `http://127.0.0.1:${await listener.listen("127.0.0.1", 0)}`;
  });

  afterAll(async () => {
    await listener.close(0);
    await rm(folder, { recursive: true });
  });

  test.each([
    ["/", "text/html; charset=utf-8", "<!doctype html>"],
    ["/assets/main.js", "text/javascript; charset=utf-8", "0"],
    ["/odd.bin", "application/octet-stream", "x"],
    ["/?name=Ada", "text/html; charset=utf-8", "<!doctype html>"],
  ])("serves %s as %s", async (path, type, body) => {
    const response = await fetch(url + path);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, type]);
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(await response.text()).toBe(body);
  });

  test("tells a browser that its copy is still good", async () => {
    const tag = (await fetch(`${url}/`)).headers.get("etag") ?? "";
    const ask = (tags: string): Promise<Response> => fetch(`${url}/`, { headers: { "If-None-Match": tags } });
    expect(tag).toMatch(/^"[\w-]{22}"$/);
    for (const tags of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const response = await ask(tags);
      expect([response.status, await response.text(), response.headers.get("etag")]).toEqual([304, "", tag]);
    }
    expect((await ask('"other"')).status).toBe(200);
  });

  test.each(["/index.html", "/assets", "/assets/", "/..%2fsecret.txt", "/%2e%2e/secret.txt", "/main.js"])(
    "serves nothing on %s",
    async (path) => {
      expect((await fetch(url + path)).status).toBe(404);
    },
  );

  test("are read once, so that a missing folder is known at the start", async () => {
    await expect(staticRoutes(join(folder, "nowhere"))).rejects.toMatchObject({ code: "ENOENT" });
  });
});
