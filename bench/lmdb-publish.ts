/**
 * `npm run bench:lmdb [-- <seconds> <rounds>]`: acknowledged publishes a second from 100 connections, 100 bytes each, to
 * the lmdb backplane, where each is synced before it is acknowledged, and to the memory backplane, in turns in one run;
 * then how long an acknowledgement takes at 1,000 publishes a second. Ends with 1 when the ratio is under its bar, or a
 * publish was refused. The store lies in a folder of the present one, since a temporary folder may be in memory:
 * `CARILLON_BENCH_DATA` names another.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { about, number, quantile, spread } from "./lmdb/report.ts";
import { ServerProgram, Subject } from "./lmdb/subject.ts";

const CONNECTIONS = 100;
const CHANNELS = 10;
const RATIO_BAR = 0.6;
const IN_FLIGHT = [1, 16, 64];
const PACED_PER_SECOND = 1_000;
const PACED_SECONDS = 10;
const WARM_MS = 500;

interface Throughput {
  readonly perSecond: number;
  readonly cpuUs: number;
}

/** Publishes with so many in flight on each connection, for so long. */
async function saturate(subject: Subject, inFlight: number, ms: number): Promise<Throughput> {
  let isRunning = true;
  for (const publisher of subject.publishers) {
    let wanted = 0;
    publisher.onAnswer = () => {
      if (!isRunning) return;
      // Answers come in batches, and what they make room for goes out as one.
      if (wanted++ > 0) return;
      setImmediate(() => {
        publisher.send(wanted);
        wanted = 0;
      });
    };
    publisher.send(inFlight);
  }
  await wait(WARM_MS);
  const before = { answered: subject.answered, cpuUs: await subject.cpuUs(), at: performance.now() };
  await wait(ms);
  const answered = subject.answered - before.answered;
  const seconds = (performance.now() - before.at) / 1_000;
  const cpuUs = (await subject.cpuUs()) - before.cpuUs;
  isRunning = false;
  await wait(WARM_MS);
  return { perSecond: answered / seconds, cpuUs: cpuUs / answered };
}

/**
 * Publishes at a steady rate; how long each took to be acknowledged, in milliseconds, from the moment at which it was
 * due: a load that is late by itself is not left out.
 */
async function pace(subject: Subject): Promise<number[]> {
  const dueAt = new Map<string, number>();
  const tookMs: number[] = [];
  for (const [index, publisher] of subject.publishers.entries()) {
    publisher.onAnswer = (id) => {
      const key = `${index}:${id}`;
      tookMs.push(performance.now() - (dueAt.get(key) ?? Number.NaN));
      dueAt.delete(key);
    };
  }
  const start = performance.now();
  const stepMs = 1_000 / PACED_PER_SECOND;
  for (let sent = 0; sent < PACED_PER_SECOND * PACED_SECONDS;) {
    for (; start + sent * stepMs <= performance.now(); sent++) {
      const index = sent % subject.publishers.length;
      const id = subject.publishers[index]?.send(1);
      dueAt.set(`${index}:${id}`, start + sent * stepMs);
    }
    await new Promise((resolve) => void setImmediate(resolve));
  }
  await wait(WARM_MS);
  return tookMs;
}

async function compare(memory: Subject, lmdb: Subject, seconds: number, rounds: number): Promise<boolean> {
  let isWithinBar = true;
  console.log("| in flight each | memory acks/s | lmdb acks/s | ratio | bar | memory CPU µs | lmdb CPU µs |");
  console.log("| -------------- | ------------- | ----------- | ----- | --- | ------------- | ----------- |");
  for (const inFlight of IN_FLIGHT) {
    const [plain, durable, ratios]: [Throughput[], Throughput[], number[]] = [[], [], []];
    for (let round = 0; round < rounds; round++) {
      const one = await saturate(memory, inFlight, seconds * 1_000);
      const other = await saturate(lmdb, inFlight, seconds * 1_000);
      plain.push(one);
      durable.push(other);
      ratios.push(other.perSecond / one.perSecond);
    }
    const isOk = quantile(ratios) >= RATIO_BAR;
    isWithinBar &&= isOk;
    const perSecond = (runs: Throughput[]): string => number(quantile(runs.map((run) => run.perSecond)));
    const cpu = (runs: Throughput[]): string => number(quantile(runs.map((run) => run.cpuUs)), 1);
    const cells = [inFlight, perSecond(plain), perSecond(durable), spread(ratios, 2)];
    console.log(`| ${[...cells, `≥ ${RATIO_BAR} ${isOk ? "ok" : "MISSED"}`, cpu(plain), cpu(durable)].join(" | ")} |`);
  }
  return isWithinBar;
}

async function measure(seconds: number, rounds: number): Promise<void> {
  const path = mkdtempSync(join(process.env["CARILLON_BENCH_DATA"] ?? process.cwd(), ".bench-lmdb-"));
  using program = await ServerProgram.create();
  const [memory, lmdb] = [new Subject(program, "memory", path), new Subject(program, "lmdb", path)];
  try {
    for (const subject of [memory, lmdb]) await subject.connect((await subject.started()).port, CONNECTIONS, CHANNELS);
    console.log(
      `${CONNECTIONS} connections, ${CHANNELS} channels, 100 bytes, ${rounds} rounds of ${seconds} s in turns`,
    );
    console.log(`${about()}\n`);
    if (!(await compare(memory, lmdb, seconds, rounds))) process.exitCode = 1;
    console.log(`\nAcknowledgement at ${number(PACED_PER_SECOND)} publishes/s, ms:`);
    for (const subject of [memory, lmdb]) {
      const took = await pace(subject);
      const [p50, p99, max] = [0.5, 0.99, 1].map((share) => number(quantile(took, share), 2));
      console.log(`${subject.kind}: p50 ${p50}, p99 ${p99}, max ${max} (${number(took.length)} publishes)`);
    }
    for (const { kind, failed } of [memory, lmdb]) {
      if (failed === 0) continue;
      console.error(`FAILED: ${failed} publishes to ${kind} were refused.`);
      process.exitCode = 1;
    }
  } finally {
    for (const subject of [memory, lmdb]) await subject.end();
    rmSync(path, { recursive: true, force: true });
  }
}

await measure(Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 3));
