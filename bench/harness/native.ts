import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const SOURCES = new URL("../load/native/", import.meta.url);
const FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));
const PROGRAM = `${FOLDER}load`;

/** Either the path of the load generator, or why there is none. */
export type NativeLoad = { readonly program: string } | { readonly missing: string };

/**
 * The load generator, compiled when its sources are newer. There is no other in JavaScript: one scenario has a million
 * deliveries a second on 10,000 connections, and each is compared byte by byte on one processor.
 */
export function nativeLoad(): NativeLoad {
  if (process.platform !== "linux") return { missing: "the load generator uses epoll, which only Linux has" };
  if (isFresh()) return { program: PROGRAM };
  mkdirSync(FOLDER, { recursive: true });
  // Under another name first: two benchmarks that start at once must not run half a program.
  const fresh = `${PROGRAM}.${process.pid}`;
  const args = [
    "-std=c++17",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-o",
    fresh,
    fileURLToPath(new URL("main.cpp", SOURCES)),
  ];
  const { status, stderr, error } = spawnSync("g++", args, { encoding: "utf8" });
  if (error !== undefined) return { missing: `g++ can't be run (${error.message}); on Debian: apt-get install g++` };
  if (status !== 0) return { missing: `g++ failed:\n${stderr}` };
  renameSync(fresh, PROGRAM);
  return { program: PROGRAM };
}

function isFresh(): boolean {
  const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? -Infinity;
  return readdirSync(SOURCES).every((name) => statSync(new URL(name, SOURCES)).mtimeMs < built);
}
