import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";

const run = promisify(execFile);
const root = resolve(import.meta.dirname, "../..");
const PACKAGES = ["protocol", "server", "client"];

interface Block {
  readonly language: string;
  readonly code: string;
}

function codeBlocks(markdown: string): Block[] {
  return Array.from(markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm), ([, language = "", code = ""]) => ({
    language,
    code,
  }));
}

const blocks = codeBlocks(readFileSync(join(root, "README.md"), "utf8"));
let folder = "";

/** An empty folder with what `npm install` of the packed packages puts there: what a user has, not what we have. */
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "carillon-readme-"));
  mkdirSync(join(folder, "packed"));
  const paths = PACKAGES.map((name) => join(root, "packages", name));
  await run("npm", ["pack", "--silent", "--ignore-scripts", "--pack-destination", join(folder, "packed"), ...paths]);
  const tarballs = readdirSync(join(folder, "packed")).map((name) => join(folder, "packed", name));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ name: "reader", private: true, type: "module" }));
  const others = ["valibot", "ws", "@types/node", "@types/ws"].map((name) => `${name}@${installedVersion(name)}`);
  await run("npm", ["install", "--no-audit", "--no-fund", "--prefer-offline", ...tarballs, ...others], { cwd: folder });
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function installedVersion(name: string): string {
  const manifest: unknown = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
  if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version);
  throw new Error(`Expected ${name} to be installed.`);
}

test("the README has a block of JavaScript to run, one of TypeScript to check, and commands", () => {
  expect(blocks.map(({ language }) => language).sort()).toEqual(["js", "sh", "sh", "ts"]);
});

test.each(blocks.filter(({ language }) => language === "js"))(
  "JavaScript of the README runs as pasted",
  async ({ code }) => {
    writeFileSync(join(folder, "pasted.js"), code);
    const { stdout, stderr } = await run(process.execPath, ["pasted.js"], { cwd: folder, timeout: 20_000 });
    expect(stdout).toBe("ada: The tower is open.\n");
    expect(stderr).toBe("");
  },
);

test.each(blocks.filter(({ language }) => language === "ts"))(
  "TypeScript of the README compiles as pasted",
  async ({ code }) => {
    writeFileSync(join(folder, "pasted.ts"), code);
    const options = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2022",
      "--lib",
      "es2022,dom,dom.iterable,esnext.disposable",
      "--types",
      "node",
    ];
    const compiled = run(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), ...options, "pasted.ts"], {
      cwd: folder,
    });
    await expect(compiled).resolves.toMatchObject({ stdout: "" });
  },
);

test.each(blocks.filter(({ language }) => language === "sh").flatMap(({ code }) => code.trim().split("\n")))(
  "the command `%s` exists",
  (command) => {
    const manifest: unknown = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
    if (!command.startsWith("npm install "))
      return expect(manifest).toHaveProperty(["scripts", command.replace("npm ", "")]);
    // The two that are not ours are installed above; ours are the packed ones.
    const names = command.replace("npm install ", "").split(" ");
    expect(names).toEqual([...PACKAGES.map((name) => `@carillon/${name}`), "valibot", "ws"]);
  },
);
