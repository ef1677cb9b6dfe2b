import { systemPorts } from "@carillon/server/testing";
import { describe, expect, test, vi } from "vitest";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { Link } from "../src/link.ts";

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe.skipIf(WITHOUT_REDIS !== null)(`a link${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`, () => {
  test("calls that are made in one go go out with one write, and are answered in their order", async () => {
    await using server = await RedisServer.start();
    let up = (): void => {};
    const isUp = new Promise<void>((resolve) => (up = resolve));
    const link = new Link({
      server: { host: "127.0.0.1", port: server.port },
      ports: systemPorts(),
      logger: SILENT,
      timeoutMs: 5_000,
      prepare: () => Promise.resolve(),
      onUp: () => up(),
      onDown: () => {},
    });
    link.open();
    await isUp;
    const { stream } = link.redis ?? expect.fail("The link is up.");
    const [one, several] = [vi.spyOn(stream, "_write"), vi.spyOn(stream, "_writev")];
    const answers = await Promise.all([1, 2, 3].map((n) => link.call("ECHO", [n])));
    expect(answers.map(String)).toEqual(["1", "2", "3"]);
    expect([one.mock.calls.length, several.mock.calls.length]).toEqual([0, 1]);
    link.close();
  });
});
