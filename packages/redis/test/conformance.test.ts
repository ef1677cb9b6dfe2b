import { conformanceTests, systemPorts, type ConformanceSubject } from "@carillon/server/testing";
import { afterAll, beforeAll, describe, test } from "vitest";
import { startCluster } from "../../../test/support/redis-cluster.ts";
import { RedisServer, WITHOUT_REDIS } from "../../../test/support/redis-server.ts";
import { openStore } from "./stores.ts";

/** Each case has a server of its own, so that they can go on beside each other: most of what they do is wait. */
const subject: ConformanceSubject = {
  name: "redis",
  world: systemPorts(),
  lasts: true,
  copies: true,
  shared: true,
  create: async () => {
    const server = await RedisServer.start();
    return {
      open: (context) => openStore({ url: server.url }, context),
      copy: () => server.copy(),
      dispose: () => server[Symbol.asyncDispose](),
    };
  },
};

describe.concurrent("the redis backplane", () => {
  for (const { name, skip, run } of conformanceTests(subject)) {
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, { timeout: 30_000 }, async (context) => {
      const reason = WITHOUT_REDIS ?? skip;
      return reason === null ? run() : context.skip(reason);
    });
  }
});

/** One cluster for all cases, each with a name of its own in front of its keys. */
let cluster: readonly RedisServer[] = [];
let names = 0;

const ofCluster: ConformanceSubject = {
  ...subject,
  copies: "an old copy of a whole cluster is a copy of each of its servers, which is what the cases above put back",
  create: async () => {
    const name = `case-${++names}`;
    const url = cluster[names % cluster.length]?.url ?? "";
    return { open: (context) => openStore({ url, name }, context), dispose: async () => {} };
  },
};

describe.concurrent("the redis backplane over a cluster", () => {
  beforeAll(async () => {
    if (WITHOUT_REDIS === null) cluster = await startCluster();
  }, 60_000);
  afterAll(async () => {
    for (const server of cluster) await server[Symbol.asyncDispose]();
  });

  for (const { name, skip, run } of conformanceTests(ofCluster)) {
    if (skip !== null) continue;
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, { timeout: 30_000 }, async (context) => (WITHOUT_REDIS === null ? run() : context.skip(WITHOUT_REDIS)));
  }
});
