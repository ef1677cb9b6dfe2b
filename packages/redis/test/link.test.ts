import { systemPorts } from "@carillon/server/testing";
import { describe, expect, test, vi } from "vitest";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { Link } from "../src/link.ts";

const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

/** A link that is up. */
async function linkTo(server: RedisServer, timeoutMs: number, onDown: () => void = () => {}): Promise<Link> {
  let up = (): void => {};
  const isUp = new Promise<void>((resolve) => (up = resolve));
  const link = new Link({
    server: { host: "127.0.0.1", port: server.port },
    ports: systemPorts(),
    logger: SILENT,
    timeoutMs,
    prepare: () => Promise.resolve(),
    onUp: () => up(),
    onDown,
  });
  link.open();
  await isUp;
  return link;
}

describe.skipIf(WITHOUT_REDIS !== null)(`a link${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`, () => {
  test("calls that are made in one go go out with one write, and are answered in their order", async () => {
    await using server = await RedisServer.start();
    const link = await linkTo(server, 5_000);
    const { stream } = link.redis ?? expect.fail("The link is up.");
    const [one, several] = [vi.spyOn(stream, "_write"), vi.spyOn(stream, "_writev")];
    const answers = await Promise.all([1, 2, 3].map((n) => link.call("ECHO", [n])));
    expect(answers.map(String)).toEqual(["1", "2", "3"]);
    expect([one.mock.calls.length, several.mock.calls.length]).toEqual([0, 1]);
    link.close();
  });

  test("one whose process stands still for longer than its timeout reads what Redis has answered, and stays", async () => {
    await using server = await RedisServer.start();
    const down = vi.fn<() => void>();
    const link = await linkTo(server, 300, down);
    const answer = await new Promise<unknown>((resolve, reject) => {
      // Of what comes behind this, timers are first, and only then is read what has come from Redis.
      setImmediate(() => {
        link.call("ECHO", ["late"]).then(resolve, reject);
        process.nextTick(() => {
          for (const end = performance.now() + 800; performance.now() < end;);
        });
      });
    });
    expect(String(answer)).toBe("late");
    expect(String(await link.call("ECHO", ["next"]))).toBe("next");
    expect(down).not.toHaveBeenCalled();
    link.close();
  });

  test("one that many give up at the same moment is ended once, and made anew", async () => {
    await using server = await RedisServer.start();
    const link = await linkTo(server, 5_000);
    const { redis } = link;
    const disconnect = vi.spyOn(redis ?? expect.fail("The link is up."), "disconnect");
    for (let times = 0; times < 20; times += 1) link.reset();
    expect(disconnect).toHaveBeenCalledTimes(1);
    await expect.poll(() => link.redis !== null && link.redis !== redis).toBe(true);
    link.close();
  });

  test("one whose server stands still is given up", async () => {
    await using server = await RedisServer.start();
    const link = await linkTo(server, 300);
    server.signal("SIGSTOP");
    await expect(link.call("PING", [])).rejects.toThrow("closed");
    server.signal("SIGCONT");
    link.close();
  });
});
