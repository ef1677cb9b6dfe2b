import { conformanceTests, systemPorts, type ConformanceSubject } from "@carillon/server/testing";
import { describe, test } from "vitest";
import { missingNats, NatsServer, openStore } from "../support/nats-server.ts";

const missing = missingNats();

/** Each case has a server of its own, so that they can go on beside each other: most of what they do is wait. */
const subject: ConformanceSubject = {
  name: "nats",
  // NATS has a clock of its own, so tests wait for it.
  world: systemPorts(),
  lasts: true,
  copies: true,
  shared: true,
  create: async () => {
    const server = await NatsServer.start();
    return {
      open: (context) => openStore(server, context),
      copy: () => server.copy(),
      dispose: () => server[Symbol.asyncDispose](),
    };
  },
};

describe.concurrent("the NATS backplane", () => {
  for (const { name, skip, run } of conformanceTests(subject)) {
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, { timeout: 60_000 }, async (context) => {
      const reason = missing ?? skip;
      return reason === null ? run() : context.skip(reason);
    });
  }
});
