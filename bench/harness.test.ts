import { spawnSync } from "node:child_process";
import { afterEach, describe, expect, it, type TestContext } from "vitest";
import type { LoadReport } from "./harness/load.ts";
import { nativeLoad } from "./harness/native.ts";
import { Subject } from "./harness/subject.ts";
import { CARILLON } from "./peers/carillon.ts";
import type { Peer } from "./peers/peer.ts";
import { CARILLON_REDIS, FAULTY_CLUSTERS } from "./peers/clusters.ts";
import { SOCKET_IO, SOCKET_IO_RECOVERING } from "./peers/socket-io.ts";
import { FAULTY, WS } from "./peers/ws.ts";
import { faultOf } from "./scenarios/rounds.ts";

const SUBSCRIBERS = 100;
/** More than a control needs to make its mistake: one delivery in 10,000 is wrong. */
const PUBLISHED = { mode: "inFlight", inFlight: 16, ms: 1_500, spins: 0, quietMs: 500 };

const open: Subject[] = [];
afterEach(async () => {
  for (const subject of open.splice(0)) await subject[Symbol.asyncDispose]();
});

/** A server with subscribers; on any processor, and on the sources of the packages. */
async function subscribed(context: TestContext, peer: Peer, publishers = 1): Promise<Subject> {
  const load = nativeLoad();
  if ("missing" in load) context.skip(`The load generator can't be built: ${load.missing}`);
  const bench = { cpus: { server: null, load: null }, program: load.program, onSources: true };
  const subject = await Subject.start(peer, {}, bench);
  open.push(subject);
  await subject.open({ clients: SUBSCRIBERS, publishers, trackEvery: 1 });
  return subject;
}

function faulty(name: string, all: readonly Peer[] = FAULTY): Peer {
  const peer = all.find((candidate) => candidate.name === name);
  if (peer === undefined) throw new Error(`Expected a control ${name}.`);
  return peer;
}

const figures = (report: LoadReport, ...names: readonly string[]): number[] => names.map((name) => report.number(name));

describe("the load generator", () => {
  for (const peer of [CARILLON, WS, SOCKET_IO, SOCKET_IO_RECOVERING]) {
    it(`counts every delivery of ${peer.name}, and finds nothing wrong`, async (context) => {
      const subject = await subscribed(context, peer);
      const report = await subject.load.order("run", PUBLISHED);
      expect(faultOf(report)).toBeUndefined();
      const [published = 0, deliveries] = figures(report, "published", "deliveries");
      expect(published).toBeGreaterThan(16);
      expect(deliveries).toBe(published * SUBSCRIBERS);
    });
  }

  it("fails a server that leaves one delivery in 10,000 out", async (context) => {
    const subject = await subscribed(context, faulty("lossy"));
    const report = await subject.load.order("run", PUBLISHED);
    expect(faultOf(report)).toMatch(/^\d+ deliveries were lost/);
  });

  it("fails a server that sends one delivery in 10,000 twice", async (context) => {
    const subject = await subscribed(context, faulty("doubling"));
    const report = await subject.load.order("run", PUBLISHED);
    expect(faultOf(report)).toMatch(/^\d+ came twice; Connection \d+ got message \d+ twice\./);
  });

  it("measures from when a message was due: those that a stall holds up are late, though they were not sent meanwhile", async (context) => {
    const subject = await subscribed(context, faulty("stalling"));
    const report = await subject.load.order("run", { mode: "paced", rate: 100, ms: 1_500, spins: 0 });
    expect(faultOf(report)).toBeUndefined();
    // 400 ms of 1,500: more than a fifth of the messages are late, not the one that the server was busy with.
    const [p95 = 0, max = 0] = figures(report, "latencyP95Ms", "latencyMaxMs");
    expect(max).toBeGreaterThan(350);
    expect(p95).toBeGreaterThan(200);
  });

  it("finds everything replayed to clients of Carillon that were cut, and what clients of ws lost", async (context) => {
    const jitter = { mode: "paced", rate: 50, ms: 2_000, killEveryMs: 1_000, awayMs: 200, spins: 0, quietMs: 500 };
    const carillon = await subscribed(context, CARILLON);
    const ours = await carillon.load.order("run", jitter);
    expect(faultOf(ours)).toBeUndefined();
    const [replayed, cuts] = figures(ours, "replayCount", "wentAway");
    expect(cuts).toBeGreaterThanOrEqual(SUBSCRIBERS);
    expect(replayed).toBeGreaterThan(SUBSCRIBERS);
    const ws = await subscribed(context, WS);
    const theirs = await ws.load.order("run", jitter);
    expect(theirs.number("lost")).toBeGreaterThan(SUBSCRIBERS);
  });

  it("counts the replies to calls", async (context) => {
    const subject = await subscribed(context, CARILLON);
    const report = await subject.load.order("run", { mode: "calls", inFlight: 2, ms: 300, spins: 0 });
    const [calls = 0, replies] = figures(report, "calls", "replies");
    expect(calls).toBeGreaterThan(2 * SUBSCRIBERS);
    expect(replies).toBe(calls);
    expect(faultOf(report)).toBeUndefined();
  });

  it("says what it was told wrong", async (context) => {
    const subject = await subscribed(context, WS);
    await expect(subject.load.order("run", { mode: "nothing" })).rejects.toThrow(/Expected the mode/);
  });
});

/** The cluster of a peer under load from all of its nodes. */
async function clusterReport(context: TestContext, peer: Peer): Promise<LoadReport> {
  if (spawnSync("redis-server", ["--version"]).status !== 0) context.skip("redis-server is not installed.");
  const subject = await subscribed(context, peer, 3);
  return subject.load.order("run", { ...PUBLISHED, senders: 3 });
}

describe("the load generator on three nodes and one broker", () => {
  for (const peer of [CARILLON_REDIS, faulty("plain cluster", FAULTY_CLUSTERS)]) {
    it(`counts every delivery of ${peer.name}, from publishers on all nodes`, async (context) => {
      const report = await clusterReport(context, peer);
      // Only Carillon promises one order for all.
      expect(faultOf(report, { mayMix: true, mayDisagree: peer.isExact !== true })).toBeUndefined();
      const [published = 0, deliveries] = figures(report, "published", "deliveries");
      expect(published).toBeGreaterThan(16);
      expect(deliveries).toBe(published * SUBSCRIBERS);
    });
  }

  const controls = [
    { name: "lossy cluster", says: /^\d+ deliveries were lost/ },
    { name: "doubling cluster", says: /^\d+ came twice; Connection \d+ got message \d+ twice\./ },
    { name: "deaf cluster", says: /^\d+ deliveries were lost/ },
  ];
  for (const { name, says } of controls) {
    it(`fails the ${name}`, async (context) => {
      const report = await clusterReport(context, faulty(name, FAULTY_CLUSTERS));
      expect(faultOf(report, { mayMix: true, mayDisagree: true })).toMatch(says);
    });
  }
});
