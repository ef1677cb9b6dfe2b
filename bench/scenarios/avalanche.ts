import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Subject } from "../harness/subject.ts";
import { figureOf, rowOf, shareText } from "./figures.ts";
import { faultOf, fresh } from "./rounds.ts";
import type { Context, Row, Sample, Scenario, Verdict } from "./scenario.ts";

const CLIENTS = 5_000;
const PER_SECOND = 5;
const RESTART_AFTER_MS = 2_000;
const FOLDER = fileURLToPath(new URL("../.cache/", import.meta.url));

/** The server is killed under everybody, and started again. */
export const AVALANCHE: Scenario = {
  name: "avalanche",
  number: 6,
  title: "Avalanche: 5,000 clients, the server killed and restarted under them",
  about:
    "kill -9 and an immediate start at the same port, while a client goes on to publish 5 messages a second and sends again what was not answered. Clients come back by themselves, each kind as its own client library waits between attempts. Published for Socket.IO (P5): p50 4.97 s, p95 5.99 s, 3.8 % never. Carillon keeps its channels in lmdb here.",
  peers: ["Carillon", "ws", "Socket.IO", "Socket.IO CSR"],
  columns: [
    { key: "back", title: "share back", digits: 4 },
    { key: "p50", title: "back p50 ms", digits: 0 },
    { key: "last", title: "last back ms", digits: 0 },
    { key: "lost", title: "lost", digits: 0 },
    { key: "share", title: "delivered", digits: 4 },
    { key: "twice", title: "came twice", digits: 0 },
    { key: "refused", title: "refused", digits: 0 },
  ],
  plot: { key: "last", title: "ms until the last client is back" },
  measure,
  judge,
};

async function measure(context: Context): Promise<Row[]> {
  mkdirSync(FOLDER, { recursive: true });
  const durablePath = mkdtempSync(`${FOLDER}avalanche-`);
  try {
    const ms = context.isQuick ? 6_000 : 12_000;
    return await fresh(
      context,
      1,
      () => ({ durablePath, isAcknowledged: true }),
      (subject) => sample(subject, ms),
    );
  } finally {
    rmSync(durablePath, { recursive: true, force: true });
  }
}

async function sample(subject: Subject, ms: number): Promise<Sample> {
  await subject.open({ clients: CLIENTS, publishers: 1, trackEvery: 1, parallel: 512 });
  const fields = { mode: "paced", rate: PER_SECOND, ms, reconnects: 1, spins: 0, drainMs: 30_000, quietMs: 3_000 };
  const running = subject.load.order("run", fields);
  await wait(RESTART_AFTER_MS);
  await subject.server.restart();
  const result = await running;
  const expected = result.number("expected");
  const lost = result.number("lost");
  const figures = {
    back: result.number("ready") / result.number("clients"),
    p50: result.number("backP50Ms"),
    last: result.number("backLastMs"),
    lost,
    share: (expected - lost) / expected,
    twice: result.number("duplicates"),
    refused: result.number("refused"),
  };
  const failure = faultOf(result, { mayLose: true, mayRepeat: subject.peer.isExact !== true });
  return failure === undefined ? { figures } : { figures, failure };
}

function judge(rows: readonly Row[]): Verdict[] {
  const row = rowOf(rows, "Carillon");
  if (row === undefined) return [];
  const least = (key: string): number => figureOf(row, key)?.min ?? Number.NaN;
  const most = (key: string): number => figureOf(row, key)?.max ?? Number.NaN;
  const trouble = row.failure === undefined ? "" : `; ${row.failure}`;
  const isFine = row.failure === undefined;
  return [
    { bar: "100 % back", isMet: isFine && least("back") === 1, figure: `${shareText(least("back"))}${trouble}` },
    { bar: "the last within 10 s", isMet: isFine && most("last") <= 10_000, figure: `${most("last").toFixed(0)} ms` },
    { bar: "0 lost", isMet: isFine && most("lost") === 0, figure: `${most("lost")} of the deliveries` },
  ];
}
