/**
 * `npm run bench:lmdb-restart [-- <rounds>]`: builds a store with a gigabyte of history, half a million of its
 * publication ids still within their window, then starts a server on it again and again, with the file in the system's
 * cache and without: how long until it is ready, and what the kernel says that the process has in memory before anybody
 * connects; and ten seconds later, when the sweeper has looked at every channel and taken away ids whose time is over,
 * which leaves pages of the file mapped that the kernel takes back when it needs them. Ends with 1 when a bar is missed. The store lies in a folder of
 * the present one; `CARILLON_BENCH_DATA` names another.
 */
import { lmdb } from "@carillon/lmdb";
import type { OpenBackplane } from "@carillon/server";
import { DEFAULT_LIMITS, systemPorts, type AppendRequest, type ChannelOptions } from "@carillon/server/testing";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { about, number, spread } from "./lmdb/report.ts";
import { ServerProgram, Subject, type Memory } from "./lmdb/subject.ts";

const GIGABYTE = 2 ** 30;
const CHANNELS = 200;
const BATCH = 1_000;
const DATA_BYTES = 400;
/** Publications with an idempotency key, behind all others. */
const KEYED = 500_000;
const READY_BAR_MS = 2_000;
const MEMORY_BAR_MB = 150;
const SWEEP_MS = 10_000;
const LOG: ChannelOptions = { kind: "log", historySize: 1e6, historyTtlMs: 2_592_000_000, ttlMs: 0, owned: false };

/** Fills a store until its file has a gigabyte. Returns how many publications that took. */
async function fill(path: string): Promise<number> {
  const backplane = await open(path);
  const data = JSON.stringify("x".repeat(DATA_BYTES - 2));
  const file = join(path, "data.mdb");
  let [count, keyed] = [0, 0];
  while (keyed < KEYED || statSync(file).size < GIGABYTE) {
    // What has a key comes last, so that it is as fresh as can be: it is what a restart has to read.
    const isKeyed = statSync(file).size > GIGABYTE * 0.8;
    await append(backplane, count, data, isKeyed);
    count += BATCH;
    if (isKeyed) keyed += BATCH;
  }
  await new Promise<void>((done) => backplane.close(done));
  return count;
}

function append({ channels }: OpenBackplane, from: number, data: string, isKeyed: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = BATCH;
    const batch = Array.from({ length: BATCH }, (_, index): AppendRequest => {
      const id = randomBytes(12).toString("base64url");
      return {
        channel: `bench:${(from + index) % CHANNELS}`,
        options: LOG,
        id,
        idempotency: isKeyed ? { scope: "i:i_4NoLxr0j9kRxKGVDZ_YUtA", fingerprint: "fingerprint", resend: null } : null,
        data,
        publisher: { user: "load", instance: "i_4NoLxr0j9kRxKGVDZ_YUtA" },
        amend: null,
        tags: null,
        meta: null,
        expiresInMs: 0,
        version: 1,
        done: (result) => {
          if (!result.ok) reject(new Error(result.message));
          else if (--left === 0) resolve();
        },
      };
    });
    channels.append(batch);
  });
}

function open(path: string): Promise<OpenBackplane> {
  const context = {
    ports: systemPorts(),
    limits: DEFAULT_LIMITS,
    logger: { debug: ignore, info: ignore, warn: ignore, error: (text: string) => console.error(text) },
    faults: new Set<never>(),
    sink: { deliver: ignore, suspect: ignore, available: ignore, ownershipLost: ignore },
    onControl: ignore,
  };
  return new Promise((resolve, reject) => {
    lmdb({ path }).open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}

const ignore = (): void => {};

/** Has the system forget what it has of a file in memory. False where that can't be done. */
function forget(file: string): boolean {
  return spawnSync("dd", [`if=${file}`, "iflag=nocache", "count=0"]).status === 0;
}

interface Start {
  readonly readyMs: number;
  readonly sinceStartMs: number;
  readonly atOnce: Memory;
  readonly later: Memory;
}

async function start(program: ServerProgram, path: string): Promise<Start> {
  const subject = new Subject(program, "lmdb", path);
  try {
    const { readyMs, sinceStartMs, memory, port } = await subject.started();
    await wait(SWEEP_MS);
    const { memory: later } = await subject.usage();
    // It is not only up, it serves.
    await subject.connect(port, 1, 1);
    const answered = new Promise<void>((resolve) => {
      for (const publisher of subject.publishers) publisher.onAnswer = () => resolve();
    });
    for (const publisher of subject.publishers) publisher.send(1);
    await answered;
    if (subject.failed > 0) throw new Error("The server refused a publish.");
    return { readyMs, sinceStartMs, atOnce: memory, later };
  } finally {
    await subject.end();
  }
}

async function measure(rounds: number): Promise<void> {
  const path = mkdtempSync(join(process.env["CARILLON_BENCH_DATA"] ?? process.cwd(), ".bench-lmdb-"));
  try {
    using program = await ServerProgram.create();
    const count = await fill(path);
    const file = join(path, "data.mdb");
    console.log(
      `${number(count)} publications of ${DATA_BYTES} bytes in ${CHANNELS} channels, data.mdb ` +
        `${number(statSync(file).size / 2 ** 20)} MB, ${rounds} rounds`,
    );
    console.log(`${about()}\n`);
    console.log(
      "| file | opened in ms | since the start of the process, ms | RSS MB | of it RssAnon | after 10 s: RSS | RssAnon | bars |",
    );
    console.log(
      "| ---- | ------------ | ---------------------------------- | ------ | ------------- | --------------- | ------- | ---- |",
    );
    const starts = new Map<string, Start[]>();
    for (let round = 0; round < rounds; round++) {
      for (const cache of ["in cache", "on disk"]) {
        if (cache === "on disk" && !forget(file)) continue;
        starts.set(cache, [...(starts.get(cache) ?? []), await start(program, path)]);
      }
    }
    for (const [cache, runs] of starts) {
      if (!report(cache, runs)) process.exitCode = 1;
    }
  } finally {
    rmSync(path, { recursive: true, force: true });
  }
}

/** Prints a line of the table. False: a bar was missed. */
function report(cache: string, runs: readonly Start[]): boolean {
  const isOk = runs.every(({ sinceStartMs, atOnce }) => sinceStartMs < READY_BAR_MS && atOnce.rss < MEMORY_BAR_MB);
  const of = (value: (run: Start) => number): string => spread(runs.map(value), 0);
  const cells = [
    cache,
    of(({ readyMs }) => readyMs),
    of(({ sinceStartMs }) => sinceStartMs),
    of(({ atOnce }) => atOnce.rss),
    of(({ atOnce }) => atOnce.anon),
    of(({ later }) => later.rss),
    of(({ later }) => later.anon),
    `< ${READY_BAR_MS} ms, < ${MEMORY_BAR_MB} MB ${isOk ? "ok" : "MISSED"}`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
  return isOk;
}

await measure(Number(process.argv[2] ?? 3));
