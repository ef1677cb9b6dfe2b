import { cp } from "node:fs/promises";
import { join } from "node:path";
import type { AppendResult } from "@carillon/server/backplane";
import { describe, expect, test } from "vitest";
import { TestNode } from "./node.ts";
import { freePort } from "../../../test/support/free-port.ts";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { until } from "../../../test/support/until.ts";

const ROOM = "chat:lobby";

function positions(results: readonly AppendResult[]): string[] {
  return results.map((result) => (result.ok ? result.pos : result.code));
}

/** Epoch and offset: all that a position has elsewhere. */
function plain(position: string | undefined): string {
  return (position ?? "").split(".").slice(0, 2).join(" ");
}

describe.skipIf(WITHOUT_REDIS !== null)(
  `Redis that went back${WITHOUT_REDIS === null ? "" : `: ${WITHOUT_REDIS}`}`,
  () => {
    test(
      "a server restored from an old snapshot is found out, though epoch and offsets fit again",
      { timeout: 30_000 },
      async () => {
        await using server = await RedisServer.start("--appendonly", "no");
        await using node = await TestNode.impatient({ url: server.url });
        await node.subscribe(ROOM);
        const kept = positions(await node.publishMany(ROOM, 10));
        await server.command("SAVE");
        await cp(join(server.folder, "dump.rdb"), join(server.folder, "old.rdb"));
        const lost = positions(await node.publishMany(ROOM, 5));
        await server.end("SIGKILL");
        await cp(join(server.folder, "old.rdb"), join(server.folder, "dump.rdb"));
        await until(() => node.availability.at(-1) === false, "the outage is told of");
        const { length } = node.suspects;
        await server.start();
        await until(() => node.suspects.length > length, "everybody compares");
        expect((await node.read(ROOM, lost[4] ?? "")).gap).toBe("rollback");
        const again = positions(await node.publishMany(ROOM, 6));
        expect(again.slice(0, 5).map(plain)).toEqual(lost.map(plain));
        for (const position of lost) expect((await node.read(ROOM, position)).gap).toBe("rollback");
        expect((await node.read(ROOM, kept[9] ?? "")).gap).toBe(null);
        // The control: a node that does not compare tags is fooled, and would say that nothing is missing.
        await using fooled = await TestNode.open({ url: server.url }, {}, ["no-tag-check"]);
        for (const position of lost) expect((await fooled.read(ROOM, position)).gap).toBe(null);
      },
    );

    test("a promoted replica that lagged behind is found out as well", { timeout: 30_000 }, async () => {
      await using leader = await RedisServer.start();
      await using replica = await RedisServer.start();
      await replica.command("REPLICAOF", "127.0.0.1", leader.port);
      await using node = await TestNode.impatient({ url: leader.url });
      await node.publishMany(ROOM, 10);
      await until(
        async () =>
          String(await replica.command("DEBUG", "DIGEST")) === String(await leader.command("DEBUG", "DIGEST")),
        "it follows",
      );
      // It loses its leader first, and the leader goes on.
      await replica.command("REPLICAOF", "127.0.0.1", await freePort());
      const lost = positions(await node.publishMany(ROOM, 5));
      await leader.end("SIGKILL");
      await replica.command("REPLICAOF", "NO", "ONE");
      await using after = await TestNode.impatient({ url: replica.url });
      expect((await after.read(ROOM, lost[4] ?? "")).gap).toBe("rollback");
      const again = positions(await after.publishMany(ROOM, 5, "again"));
      expect(again.map(plain)).toEqual(lost.map(plain));
      for (const position of lost) expect((await after.read(ROOM, position)).gap).toBe("rollback");
    });

    test(
      "with an append-only file nothing acknowledged is missing after kill -9, over and over",
      { timeout: 60_000 },
      async () => {
        await using server = await RedisServer.start();
        await using node = await TestNode.impatient({ url: server.url });
        const acknowledged: string[] = [];
        for (let round = 0; round < 5; round++) {
          const publishing = Array.from({ length: 40 }, async (_, index) => {
            const id = `${round}-${index}`;
            const result = await node.publish(`chat:${index}`, id);
            if (result.ok) acknowledged.push(`chat:${index} ${id}`);
          });
          if (round % 2 === 1) await Promise.all(publishing);
          await server.end("SIGKILL");
          await Promise.all(publishing);
          await server.start();
          await until(() => node.availability.at(-1) !== false, "Redis serves again");
        }
        const found = new Set<string>();
        for (let index = 0; index < 40; index++) {
          const ids = await node.ids(`chat:${index}`);
          expect(new Set(ids).size).toBe(ids.length);
          for (const id of ids) found.add(`chat:${index} ${id}`);
        }
        expect(acknowledged.length).toBeGreaterThanOrEqual(80);
        expect(acknowledged.filter((entry) => !found.has(entry))).toEqual([]);
      },
    );
  },
);
