// Starting other programs from the scripts, in one way: no shell, the caller's streams, a result instead of a throw.

import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The root folder of the workspace. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..");

/**
 * Runs a program to its end and shows what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {boolean} whether it could be started and ended with 0
 */
export function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (error) console.error(`Could not start ${command}: ${error.message}`);
  return status === 0;
}

/**
 * Runs a program to its end and keeps what it prints.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options] `env` adds to the environment
 * @returns {{ isOk: boolean, stdout: string, output: string }} `output` is stdout and stderr together
 */
export function capture(command, args, { cwd = root, env = {} } = {}) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd,
    env: { ...process.env, ...env },
    encoding: "utf8",
    maxBuffer: 64 << 20,
  });
  const output = `${stdout ?? ""}${stderr ?? ""}${error ? error.message : ""}`;
  return { isOk: status === 0, stdout: stdout ?? "", output };
}

/**
 * The command line of npm: the very npm that runs this script, where there is one.
 * @param {readonly string[]} args
 * @returns {[command: string, args: string[]]}
 */
export function npm(args) {
  const self = process.env["npm_execpath"];
  // npx sets this variable to its own file, which would take the arguments for package names.
  if (self !== undefined && /npm-cli\.[cm]?js$/.test(self)) return [process.execPath, [self, ...args]];
  return [process.platform === "win32" ? "npm.cmd" : "npm", [...args]];
}

/**
 * The command line of a tool from node_modules, without the shell wrapper that npm puts around it.
 * @param {string} path the tool's JavaScript entry, below node_modules
 * @param {readonly string[]} args
 * @returns {[command: string, args: string[]]}
 */
export function tool(path, args) {
  return [process.execPath, [join(root, "node_modules", path), ...args]];
}

/**
 * @param {number} startMs a value of performance.now()
 * @returns {string} the time since then, such as "1.2 s"
 */
export function elapsed(startMs) {
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`;
}
