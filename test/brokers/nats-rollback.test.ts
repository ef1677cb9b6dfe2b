import { beforeEach, describe, expect, test } from "vitest";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { ROOM, Store } from "../support/nats-store.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";
import { until } from "../support/until.ts";

const missing = missingNats();
const TIMEOUT = 60_000;

describe("NATS that went back", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test(
    "a store that was put back from an old copy under a running node is announced, though sequences fit again",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using store = await Store.open(server, { patienceMs: 500 });
      await store.subscribe();
      for (const id of ["a", "b", "c"]) await store.published(id);
      const restore = await server.copy();
      await until(() => store.availability.at(-1) !== false);
      const lost: string[] = [];
      for (const id of ["d", "e", "f"]) lost.push(await store.publishedInTheEnd(id));
      await restore();
      await until(() => store.isSuspect(ROOM));
      const again: string[] = [];
      for (const id of ["x", "y", "z", "w"]) again.push(await store.publishedInTheEnd(id));
      for (const [index, position] of lost.entries()) {
        const page = await store.read(position);
        expect(typeof page === "string" ? page : page.gap).toBe("rollback");
        // What a check of epoch and offset would have seen: the very same place.
        const [epoch, offset] = position.split(".");
        expect(again[index]?.split(".").slice(0, 2)).toEqual([epoch, offset]);
      }
      expect(await store.everything()).toEqual(["a", "b", "c", "x", "y", "z", "w"]);
    },
  );

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
      const publishing = rooms.map((channel) => store.publishUntilKnown("new", { channel }));
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

  test(
    "control: without the check of tags, positions of a lost history pass for good ones",
    { timeout: TIMEOUT },
    async () => {
      await using server = await NatsServer.start();
      await using store = await Store.open(server, {}, {}, ["no-tag-check"]);
      for (const id of ["a", "b", "c"]) await store.published(id);
      const restore = await server.copy();
      const lost: string[] = [];
      for (const id of ["d", "e", "f"]) lost.push(await store.publishedInTheEnd(id));
      await restore();
      for (const id of ["x", "y", "z"]) await store.publishedInTheEnd(id);
      const page = await store.read(lost[1] ?? "");
      // "You have missed z", to somebody who has never seen x and y: the silent loss that the tags are for.
      expect(typeof page !== "string" && [page.gap, page.records.length]).toEqual([null, 1]);
    },
  );
});
