import { CarillonError } from "@carillon/protocol";
import { SILENT_LOGGER, type Logger } from "@carillon/server";
import { describe, expect, test, vi } from "vitest";
import { SharedGuestKey, type SharedKeyHost } from "../src/shared-guest-key.ts";

/** What servers share. */
class FakeStore {
  key: string | null = null;
  isAway = false;

  host(logger: Logger = SILENT_LOGGER): SharedKeyHost {
    return {
      logger,
      read: async () => {
        if (this.isAway) throw new CarillonError("unavailable", "The store can't be reached.");
        return this.key;
      },
      create: async (key) => {
        if (this.key !== null) throw new CarillonError("conflict", "There is one.");
        this.key = key;
      },
    };
  }
}

async function opened(store: FakeStore, logger?: Logger): Promise<SharedGuestKey> {
  const shared = new SharedGuestKey(store.host(logger));
  await shared.open();
  shared.close();
  return shared;
}

describe("the key that servers share", () => {
  test("is the same on all, though they start at the same moment, and on those that start later", async () => {
    const store = new FakeStore();
    const servers = await Promise.all(Array.from({ length: 5 }, () => opened(store)));
    servers.push(await opened(store));
    const keys = new Set(servers.map(({ key }) => Buffer.from(key).toString("base64url")));
    expect([...keys]).toEqual([store.key]);
    expect(store.key).toMatch(/^[\w-]{43}$/);
  });

  test("is put back by those that know it when the store has forgotten it", async () => {
    const store = new FakeStore();
    const server = await opened(store);
    const { key } = server;
    const text = store.key;
    store.key = null;
    await server.look();
    expect([store.key, server.key]).toEqual([text, key]);
  });

  test("is taken from the store where that has another, and the log says so once", async () => {
    const store = new FakeStore();
    const warn = vi.fn<Logger["warn"]>();
    const server = await opened(store, { ...SILENT_LOGGER, warn });
    store.key = Buffer.alloc(32, 7).toString("base64url");
    await server.look();
    await server.look();
    expect(Buffer.from(server.key)).toEqual(Buffer.alloc(32, 7));
    expect(warn).toHaveBeenCalledOnce();
  });

  test("stays while the store can't be reached; a server that has none yet can't start", async () => {
    const store = new FakeStore();
    const server = await opened(store);
    const { key } = server;
    store.isAway = true;
    await server.look();
    expect(server.key).toBe(key);
    await expect(opened(store)).rejects.toMatchObject({ code: "unavailable" });
  });
});
