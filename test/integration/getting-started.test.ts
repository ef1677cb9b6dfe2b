import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
const children: ChildProcess[] = [];
let folder = "";

/** A folder below the root, so that the files find the packages that are installed and built there. */
beforeAll(() => {
  execFileSync(process.execPath, [join(root, "scripts/build.mjs")], { cwd: root });
  mkdirSync(join(root, "test/.tmp"), { recursive: true });
  folder = mkdtempSync(join(root, "test/.tmp/getting-started-"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  const guide = readFileSync(join(root, "docs/getting-started.md"), "utf8");
  for (const [, name = "", code = ""] of guide.matchAll(/^```js file=(\S+)\n([\s\S]*?)^```$/gm))
    writeFileSync(join(folder, name), code);
}, 120_000);

afterAll(() => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

function start(file: string, ...args: string[]): { readonly child: ChildProcess; readonly lines: string[] } {
  const child = spawn(process.execPath, [join(folder, file), ...args], { env: { ...process.env, PORT: "0" } });
  children.push(child);
  const lines: string[] = [];
  createInterface(child.stdout).on("line", (line) => lines.push(line));
  createInterface(child.stderr).on("line", (line) => lines.push(`stderr: ${line}`));
  return { child, lines };
}

test.each(["express.js", "fastify.js", "hono.js"])(
  "the guide's %s serves two clients that run as pasted",
  async (file) => {
    const server = start(file);
    await expect.poll(() => server.lines.length, { timeout: 15_000 }).toBeGreaterThan(0);
    const address = server.lines[0] ?? "";
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const ada = start("client.js", address, "Ada");
    await expect.poll(() => ada.lines, { timeout: 15_000 }).toEqual(["Ada is here.", "Ada: Hello"]);
    const bob = start("client.js", address, "Bob");
    await expect
      .poll(() => bob.lines.toSorted(), { timeout: 15_000 })
      .toEqual(["Ada is here.", "Ada: Hello", "Bob is here.", "Bob: Hello"]);
    await expect
      .poll(() => ada.lines, { timeout: 15_000 })
      .toEqual(["Ada is here.", "Ada: Hello", "Bob is here.", "Bob: Hello"]);
    await expect(fetch(`${address}/rooms`).then((response) => response.json())).resolves.toEqual([
      "chat:lobby",
      "@presence:chat:lobby",
    ]);

    const ended = new Promise((done) => server.child.on("exit", done));
    for (const { child } of [ada, bob]) child.kill("SIGKILL");
    server.child.kill("SIGTERM");
    await expect(ended).resolves.toBe(0);
  },
  60_000,
);

test("each server of the guide is forty lines at most", () => {
  for (const file of ["express.js", "fastify.js", "hono.js"]) {
    const lines = readFileSync(join(folder, file), "utf8").trim().split("\n").length;
    expect(lines, file).toBeLessThanOrEqual(40);
  }
});
