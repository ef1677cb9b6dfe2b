import type { ChannelOptions } from "@carillon/server/backplane";
import { SILENT_LOGGER } from "@carillon/server";
import { systemPorts } from "@carillon/server/testing";
import { expect, test } from "vitest";
import type { Broker } from "../src/broker.ts";
import { bucketOf, Keys } from "../src/keys.ts";
import { Subscriptions } from "../src/subscriptions.ts";
import { readPlace } from "../src/place-codec.ts";
import { Watch } from "../src/watch.ts";

const LOG: ChannelOptions = { kind: "log", historySize: 10, historyTtlMs: 60_000, ttlMs: 0, owned: false };
const [ONE, OTHER] = ["chat:one", "chat:other"];
const EPOCH = "AAAAAAAAAAAAAAAAAAAAAA";

/** A server on which both channels have changed and nobody was told; it fails as connections do, where it is said. */
function silentServer() {
  const fails = { changesOf: -1, fence: false };
  let looks = 0;
  const broker = {
    isCluster: false,
    isUp: () => true,
    shardOf: () => "one",
    listen: () => {},
    unlisten: () => {},
    call: async (_bucket: number, _command: string, names: readonly string[]) => {
      looks++;
      return names.map(() => Buffer.from("1"));
    },
    run: async (bucket: number) => {
      if (bucket === fails.changesOf) throw new Error("The connection is down.");
      const channel = bucket === bucketOf(ONE) ? ONE : OTHER;
      return [1, "1", channel, `${EPOCH} 1 0000000000000001`].map((item) =>
        typeof item === "string" ? Buffer.from(item) : item,
      );
    },
    fence: async () => !fails.fence,
  };
  return { broker, fails, looks: () => looks };
}

function watched({ broker }: ReturnType<typeof silentServer>) {
  const suspects: string[] = [];
  const sink = { deliver: () => {}, suspect: (channel: string) => void suspects.push(channel), available: () => {} };
  // What the watch needs of it, and no connection.
  const context = { broker: broker as unknown as Broker, keys: new Keys("test") };
  const subscriptions = new Subscriptions({
    ...context,
    sink: { ...sink, ownershipLost: () => {} },
    logger: SILENT_LOGGER,
    delivered: () => {},
  });
  for (const channel of [ONE, OTHER]) {
    subscriptions.settle(subscriptions.open(channel, LOG), readPlace(`${EPOCH} 0 0000000000000000`), 0);
  }
  const watch = new Watch({ ...context, ports: systemPorts(), subscriptions, intervalMs: 5, also: async () => {} });
  watch.start();
  return { watch, suspects };
}

test("a look that breaks behind the answer of one bucket is made again for that bucket as well", async () => {
  const server = silentServer();
  server.fails.changesOf = bucketOf(OTHER);
  const { watch, suspects } = watched(server);
  // Some looks break, then the connection is there again.
  await expect.poll(() => server.looks()).toBeGreaterThan(2);
  expect(suspects).toEqual([]);
  server.fails.changesOf = -1;
  await expect.poll(() => new Set(suspects)).toEqual(new Set([ONE, OTHER]));
  watch.close();
});

test("a look whose fence does not come back is made again", async () => {
  const server = silentServer();
  server.fails.fence = true;
  const { watch, suspects } = watched(server);
  await expect.poll(() => server.looks()).toBeGreaterThan(2);
  expect(suspects).toEqual([]);
  server.fails.fence = false;
  await expect.poll(() => new Set(suspects)).toEqual(new Set([ONE, OTHER]));
  watch.close();
});
