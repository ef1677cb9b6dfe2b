import { beforeEach, describe, expect, test, vi } from "vitest";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { Store } from "../support/nats-store.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

const missing = missingNats();
const TIMEOUT = 60_000;

function until(isSo: () => unknown, timeout: number = 15_000): Promise<void> {
  return vi.waitFor(() => expect(isSo()).toBe(true), { timeout, interval: 10 });
}

/** What a client does: it sends a publish again until it knows how it ended. */
async function publishUntilKnown(store: Store, channel: string): Promise<void> {
  await vi.waitFor(async () => expect((await store.publish("new", { channel })).ok).toBe(true), { timeout: 15_000 });
}

describe("the NATS backplane, when NATS is put back", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test(
    "what is published when a connection stands again is not stored behind what another store has in that place",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using copy = await NatsServer.start();
      const target = { host: "127.0.0.1", port: server.port };
      // From the reconnect on, the answer behind which a node compares everything is late.
      let isHeldUp = false;
      const proxy = await TcpProxy.start(target, () => (bytes) => {
        if (isHeldUp && bytes.includes("carillon.meta.identity")) {
          isHeldUp = false;
          proxy.stall();
          setTimeout(() => proxy.resume(), 300);
        }
        return bytes;
      });
      const rooms = Array.from({ length: 4 }, (_, index) => `chat:${index}`);
      await using store = await Store.open({ address: `127.0.0.1:${proxy.port}` });
      {
        await using other = await Store.open(copy);
        for (const channel of rooms) {
          for (const id of ["a", "b"]) await store.published(id, { channel });
          for (const id of ["x", "y"]) await other.published(id, { channel });
        }
      }
      proxy.refuse();
      proxy.reset();
      await until(() => store.availability.at(-1) === false);
      const publishing = rooms.map((channel) => publishUntilKnown(store, channel));
      target.port = copy.port;
      isHeldUp = true;
      proxy.accept();
      await Promise.all(publishing);
      expect(isHeldUp).toBe(false);
      await using reader = await Store.open(copy);
      for (const channel of rooms) expect(await reader.everything(channel)).toEqual(["x", "y", "new"]);
      await proxy.close();
    },
  );
});
