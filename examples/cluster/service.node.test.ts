import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { Service } from "./service.mjs";

/** Counts its starts in a file; the second and the third end at once, as if what they need were away. */
const SCRIPT = `
  const { existsSync, readFileSync, writeFileSync } = require("node:fs");
  const [file] = process.argv.slice(1);
  const count = Number(readFileSync(file, "utf8")) + 1;
  writeFileSync(file, String(count));
  if (count === 2 || count === 3) process.exit(1);
  setInterval(() => {}, 1_000);
`;

it("a service that has died is started again until it serves, and not after it was ended", async () => {
  vi.spyOn(console, "log").mockImplementation(() => {});
  vi.spyOn(console, "error").mockImplementation(() => {});
  const folder = mkdtempSync(join(tmpdir(), "carillon-service-"));
  const file = join(folder, "starts");
  writeFileSync(file, "0");
  let serving = 1;
  const starts = (): number => Number(readFileSync(file, "utf8"));
  const isReady = async (): Promise<boolean> => starts() === serving;
  const service = new Service({ name: "it", command: [process.execPath, "-e", SCRIPT, file], isReady });
  await service.start();
  const first = service.pid;
  serving = 4;
  process.kill(first ?? 0, "SIGKILL");
  await vi.waitFor(() => expect(console.log).toHaveBeenCalledWith(expect.stringMatching(/^it is back/)), 20_000);
  expect(starts()).toBe(4);
  expect(service.pid).not.toBe(first);
  await service.stop();
  expect(() => process.kill(service.pid ?? 0, 0)).toThrow("ESRCH");
  expect(console.error).toHaveBeenCalledTimes(2);
  rmSync(folder, { recursive: true, force: true });
});
