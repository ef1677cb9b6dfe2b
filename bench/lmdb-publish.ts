/**
 * `node --conditions=@carillon/source --import tsx bench/lmdb-publish.ts [seconds] [rounds]`: acknowledged publishes a
 * second from 100 connections, 100 bytes each, to the lmdb backplane, where each is synced before it is acknowledged,
 * and to the memory backplane, in turns in one run; then how long an acknowledgement takes at 1,000 publishes a second.
 * Ends with 1 when the ratio is under its bar. The store lies in a folder beside this script's working directory, since
 * a temporary folder may be in memory: `CARILLON_BENCH_DATA` names another.
 */
import { defineContract, log } from "@carillon/protocol";
import { createCarillon } from "@carillon/server";
import { lmdb } from "@carillon/lmdb";
import { fork, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { clientFrame, upgradeRequest } from "./load/frames.ts";
import { machine } from "./machine.ts";
import { spreadOf } from "./statistics.ts";

const CONNECTIONS = 100;
const CHANNELS = 10;
const TEXT_BYTES = 89;
/** The data of a publish is 100 bytes of JSON: `{"text":"…"}` around the text. */
const TEXT = "x".repeat(TEXT_BYTES);
const RATIO_BAR = 0.6;
const PACED_PER_SECOND = 1_000;
const PACED_SECONDS = 10;
const WARM_MS = 500;

/** One server, in a process of its own. */
async function serve(kind: string, path: string): Promise<void> {
  const http = createServer();
  const carillon = createCarillon({
    contract: defineContract({
      channels: { "bench:{room}": log({ data: v.object({ text: v.string() }), history: { size: 1_000 } }) },
    }),
    user: v.object({ id: v.string() }),
    authorize: { "bench:{room}": () => ({ publish: true }) },
    limits: { commandsPerSecond: 1e6, commandsBurst: 1e6, connectionsPerUser: 1e4, idempotencyEntries: 1e8 },
    ...(kind === "lmdb" ? { backplane: lmdb({ path }) } : {}),
  });
  await carillon.ready();
  http.on("request", (_request, response) => {
    void carillon.tickets.issue({ user: { id: "load" } }).then((ticket) => response.end(ticket));
  });
  carillon.attach(http);
  process.on("message", () => process.send?.(process.cpuUsage()));
  process.on("disconnect", () => void carillon.close().then(() => process.exit(0)));
  http.listen(0, "127.0.0.1", () => {
    const address = http.address();
    process.send?.(typeof address === "object" && address !== null ? address.port : 0);
  });
}

/** One connection that publishes and waits for the answers. */
class Publisher {
  /** Answers so far, failures among them. */
  answered = 0;
  failed = 0;
  /** Told of each answer, by the id of the command. */
  onAnswer: (id: number) => void = () => {};
  readonly #socket: Socket;
  readonly #channel: string;
  readonly #name: string = randomBytes(8).toString("base64url");
  #rest: Buffer = Buffer.alloc(0);
  #isUp = false;
  #id = 1;
  #onReady: () => void = () => {};

  constructor(port: number, index: number) {
    this.#channel = `bench:${index % CHANNELS}`;
    this.#socket = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#socket.on("connect", () => this.#socket.write(upgradeRequest("/realtime", "carillon.1.json")));
    this.#socket.on("data", (bytes) => this.#read(bytes));
    this.#socket.on("error", () => {});
  }

  async ready(ticket: string): Promise<void> {
    this.#isUp = false;
    const done = new Promise<void>((resolve) => {
      this.#onReady = resolve;
    });
    const greeting = clientFrame(0x1, JSON.stringify({ cmd: "connect", id: 1, ticket }));
    this.#socket.once("data", () => this.#socket.write(greeting));
    await done;
  }

  /** Sends that many publishes in one write. Returns the id of the last command. */
  send(count: number): number {
    const frames: Buffer[] = [];
    for (let sent = 0; sent < count; sent++) {
      const id = ++this.#id;
      // As random as the ids that clients draw: that is what an index of ids has to live with.
      const publication = `${Math.imul(id, 0x9e3779b1) >>> 0}-${this.#name}`;
      const command = `{"cmd":"publish","id":${id},"channel":"${this.#channel}","publication":"${publication}","data":{"text":"${TEXT}"}}`;
      frames.push(clientFrame(0x1, command));
    }
    this.#socket.write(Buffer.concat(frames));
    return this.#id;
  }

  end(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#isUp) {
      const end = all.indexOf("\r\n\r\n");
      if (end < 0) {
        this.#rest = all;
        return;
      }
      this.#isUp = true;
      all = all.subarray(end + 4);
    }
    let at = 0;
    while (at + 2 <= all.length) {
      const code = (all[at + 1] ?? 0) & 0x7f;
      const head = code < 126 ? 2 : code === 126 ? 4 : 10;
      if (at + head > all.length) break;
      const length = code < 126 ? code : code === 126 ? all.readUInt16BE(at + 2) : Number(all.readBigUInt64BE(at + 2));
      if (at + head + length > all.length) break;
      for (const message of all.toString("latin1", at + head, at + head + length).split("\n")) this.#take(message);
      at += head + length;
    }
    this.#rest = all.subarray(at);
  }

  #take(message: string): void {
    if (message.startsWith('{"push":"heartbeat"')) this.#socket.write(clientFrame(0x1, '{"cmd":"pong"}'));
    if (!message.startsWith('{"re":')) return;
    const id = Number.parseInt(message.slice(6), 10);
    if (id === 1) return this.#onReady();
    this.answered++;
    if (!message.includes('"pos":')) this.failed++;
    this.onAnswer(id);
  }
}

class Subject {
  readonly kind: string;
  readonly publishers: Publisher[] = [];
  readonly #process: ChildProcess;
  readonly #answers: unknown[] = [];
  #onAnswer: () => void = () => {};

  constructor(kind: string, path: string) {
    this.kind = kind;
    this.#process = fork(fileURLToPath(import.meta.url), ["serve", kind, path], { execArgv: process.execArgv });
    this.#process.on("message", (answer) => {
      this.#answers.push(answer);
      this.#onAnswer();
    });
  }

  async start(): Promise<void> {
    const port = Number(await this.#answer());
    for (let index = 0; index < CONNECTIONS; index++) {
      const ticket = await (await fetch(`http://127.0.0.1:${port}/`)).text();
      const publisher = new Publisher(port, index);
      await publisher.ready(ticket);
      this.publishers.push(publisher);
    }
  }

  /** Processor time of the server's process, all threads, in microseconds. */
  async cpuUs(): Promise<number> {
    this.#process.send("usage");
    const usage = await this.#answer();
    if (typeof usage !== "object" || usage === null || !("user" in usage) || !("system" in usage)) return 0;
    return Number(usage.user) + Number(usage.system);
  }

  get answered(): number {
    return this.publishers.reduce((sum, { answered }) => sum + answered, 0);
  }

  get failed(): number {
    return this.publishers.reduce((sum, { failed }) => sum + failed, 0);
  }

  end(): void {
    for (const publisher of this.publishers) publisher.end();
    this.#process.disconnect();
  }

  async #answer(): Promise<unknown> {
    if (this.#answers.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onAnswer = resolve;
      });
    }
    return this.#answers.shift();
  }
}

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
      if (wanted++ === 0) {
        setImmediate(() => {
          publisher.send(wanted);
          wanted = 0;
        });
      }
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

/** Publishes at a steady rate; how long each took to be acknowledged, in milliseconds. */
async function pace(subject: Subject): Promise<number[]> {
  const sentAt = new Map<string, number>();
  const tookMs: number[] = [];
  for (const [index, publisher] of subject.publishers.entries()) {
    publisher.onAnswer = (id) => {
      const key = `${index}:${id}`;
      tookMs.push(performance.now() - (sentAt.get(key) ?? Number.NaN));
      sentAt.delete(key);
    };
  }
  const start = performance.now();
  for (let sent = 0; sent < PACED_PER_SECOND * PACED_SECONDS;) {
    const due = ((performance.now() - start) * PACED_PER_SECOND) / 1_000;
    for (; sent < due; sent++) {
      const index = sent % subject.publishers.length;
      const at = performance.now();
      const id = subject.publishers[index]?.send(1);
      sentAt.set(`${index}:${id}`, at);
    }
    await wait(1);
  }
  await wait(WARM_MS);
  return tookMs.sort((one, other) => one - other);
}

function quantile(sorted: readonly number[], share: number): string {
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(2);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}

async function measure(seconds: number, rounds: number): Promise<void> {
  const path = mkdtempSync(join(process.env["CARILLON_BENCH_DATA"] ?? process.cwd(), ".bench-lmdb-"));
  const subjects = [new Subject("memory", path), new Subject("lmdb", path)];
  try {
    for (const subject of subjects) await subject.start();
    console.log(
      `${CONNECTIONS} connections, ${CHANNELS} channels, 100 bytes of data, ${rounds} rounds of ${seconds} s in turns`,
    );
    console.log(`${machine()}\n`);
    console.log("| in flight each | memory acks/s | lmdb acks/s | ratio | bar | memory CPU µs | lmdb CPU µs |");
    console.log("| -------------- | ------------- | ----------- | ----- | --- | ------------- | ----------- |");
    for (const inFlight of [1, 16, 64]) {
      const runs: { readonly memory: Throughput; readonly lmdb: Throughput }[] = [];
      for (let round = 0; round < rounds; round++) {
        const [memory, durable] = subjects;
        if (memory === undefined || durable === undefined) throw new Error("Expected two servers.");
        runs.push({
          memory: await saturate(memory, inFlight, seconds * 1_000),
          lmdb: await saturate(durable, inFlight, seconds * 1_000),
        });
      }
      const middle = (of: (run: (typeof runs)[number]) => number): number => spreadOf(runs.map(of)).median;
      const ratio = spreadOf(runs.map((run) => run.lmdb.perSecond / run.memory.perSecond));
      console.log(
        `| ${inFlight} | ${whole(middle((run) => run.memory.perSecond))} | ${whole(middle((run) => run.lmdb.perSecond))} | ` +
          `${ratio.median.toFixed(2)} (${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}) | ≥ ${RATIO_BAR} ` +
          `${ratio.median >= RATIO_BAR ? "ok" : "MISSED"} | ${middle((run) => run.memory.cpuUs).toFixed(1)} | ` +
          `${middle((run) => run.lmdb.cpuUs).toFixed(1)} |`,
      );
      if (ratio.median < RATIO_BAR) process.exitCode = 1;
    }
    console.log(`\nAcknowledgement at ${PACED_PER_SECOND.toLocaleString("en")} publishes/s, ms:`);
    for (const subject of subjects) {
      const took = await pace(subject);
      console.log(
        `${subject.kind}: p50 ${quantile(took, 0.5)}, p99 ${quantile(took, 0.99)}, max ${quantile(took, 1)} (${took.length} publishes)`,
      );
    }
    for (const { kind, failed } of subjects) {
      if (failed === 0) continue;
      console.error(`FAILED: ${failed} publishes to ${kind} were refused.`);
      process.exitCode = 1;
    }
  } finally {
    for (const subject of subjects) subject.end();
    await wait(1_000);
    rmSync(path, { recursive: true, force: true });
  }
}

const [role, kind = "", path = ""] = process.argv.slice(2);
if (role === "serve") await serve(kind, path);
else await measure(Number(process.argv[2] ?? 3), Number(process.argv[3] ?? 3));
