import type { Subject } from "../harness/subject.ts";
import { atMost } from "./figures.ts";
import { fresh } from "./rounds.ts";
import type { Sample, Scenario } from "./scenario.ts";
import { setTimeout as wait } from "node:timers/promises";

/** As many also with --quick: with fewer, what the process itself grows by weighs too much. */
const CLIENTS = 15_000;
const WARM = 200;
const SETTLE_MS = 1_000;

/** What a connection holds that does nothing. */
export const IDLE: Scenario = {
  name: "idle",
  number: 7,
  title: "Idle: memory per authenticated, subscribed connection at 15,000",
  about:
    "Resident memory of the server with 15,000 connections in one channel, less that with the first 200, per connection; after a full collection of garbage where the server can be told to (all but nats-server and nchan). Memory of the kernel is not in it.",
  peers: ["Carillon", "Bun", "nats-server", "ws", "Socket.IO"],
  columns: [
    { key: "rssKb", title: "kB per connection (RSS)", digits: 2 },
    { key: "pssKb", title: "kB (PSS)", digits: 2 },
    { key: "uncollectedKb", title: "kB before collecting (RSS)", digits: 2 },
    { key: "connectMs", title: "ms to connect all", digits: 0 },
  ],
  plot: { key: "rssKb", title: "kB per idle connection (log scale)" },
  measure: (context) => {
    return fresh(
      context,
      context.isQuick ? 1 : Math.min(context.rounds, 2),
      () => ({}),
      (subject) => sample(subject),
    );
  },
  judge: (rows) => [atMost(rows, "rssKb", 9, "at most 9 kB per connection, all in", "kB")],
};

async function sample(subject: Subject): Promise<Sample> {
  await subject.open({ clients: WARM });
  await wait(SETTLE_MS);
  const before = await subject.heldMemory();
  const opened = await subject.open({ clients: CLIENTS - WARM, parallel: 512 });
  await wait(SETTLE_MS);
  const uncollected = subject.server.memory;
  const after = await subject.heldMemory();
  const perConnection = (bytes: number): number => bytes / (CLIENTS - WARM) / 1_000;
  return {
    figures: {
      rssKb: perConnection(after.rss - before.rss),
      pssKb: perConnection(after.pss - before.pss),
      uncollectedKb: perConnection(uncollected.rss - before.rss),
      connectMs: opened.number("wallMs"),
    },
  };
}
