import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "../..");
/** What a fresh clone does not have. */
const MADE_HERE = new Set([".git", "node_modules", "dist", "coverage", "data"]);
/** A newcomer waits for no longer, in milliseconds. */
const READY_MS = 60_000;

/** Somebody has Node and npm, and a fresh copy of the repository. */
describe("a newcomer", () => {
  let folder = "";
  let npm: ChildProcess | null = null;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "carillon-newcomer-"));
    await cp(root, folder, {
      recursive: true,
      filter: (path) => !MADE_HERE.has(basename(path)) && !path.endsWith(".tsbuildinfo"),
    });
  });

  afterAll(async () => {
    // The whole group: npm, its shell and the server, whatever of it is left.
    if (npm?.pid !== undefined) killGroup(npm.pid);
    await rm(folder, { recursive: true, force: true });
  });

  test("types npm start and has a server within a minute; Ctrl-C ends it and leaves nothing behind", async () => {
    const startMs = performance.now();
    npm = spawn("npm", ["start"], {
      cwd: folder,
      // Without what the npm that runs this test has told about itself, and in a group of its own, as from a terminal.
      env: { ...ownEnvironment(), PORT: "0", HOST: "127.0.0.1" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const { pid = 0 } = npm;
    const exited = once(npm, "close");
    const url = await addressIn(npm);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    expect(await (await fetch(url)).text()).toContain("Carillon");
    const readyMs = performance.now() - startMs;
    console.log(`npm start was ready after ${(readyMs / 1000).toFixed(1)} s.`);
    expect(readyMs).toBeLessThanOrEqual(READY_MS);

    // A terminal sends Ctrl-C to the whole group; npm passes it on once more.
    process.kill(-pid, "SIGINT");
    expect(await exited).toEqual([0, null]);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow("fetch failed");
  }, 90_000);
});

function killGroup(group: number): void {
  try {
    process.kill(-group, "SIGKILL");
  } catch {
    // Nothing of it is left, as it should be.
  }
}

function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|NODE_ENV$|VITEST)/i.test(name)),
  );
}

/** Waits for the line that says where the server is. */
function addressIn({ stdout, stderr }: ChildProcess): Promise<string> {
  let output = "";
  return new Promise((found, reject) => {
    for (const stream of [stdout, stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        output += text;
        const url = /Carillon is ready at (http:\S+)/.exec(output)?.[1];
        if (url !== undefined) found(url);
      });
    }
    stdout?.on("close", () => reject(new Error(`npm start ended: ${output}`)));
  });
}
