import { connect } from "@carillon/client";
import { defineContract, log, type Schema } from "@carillon/protocol";
import {
  DEFAULT_LIMITS,
  SimulatedBroker,
  SimulatedNetwork,
  SimulatedServer,
  SimulatedWorld,
  Truth,
  type NodeHooks,
} from "@carillon/server/testing";
import { expect, it } from "vitest";
import { grantOf } from "./grants.ts";

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };
const contract = defineContract({ channels: { "chat:{room}": log({ data: ANYTHING }) } });
const hooks: NodeHooks = {
  authorize: (_identity, _target, done) => done(grantOf(true)),
  validate: (_target, value, done) => done(value instanceof Uint8Array ? value : JSON.stringify(value)),
  call: () => {},
  connected: () => {},
};

it("an application of one's own is simulated as docs/reliability.md says", async () => {
  const problems: string[] = [];
  const world = new SimulatedWorld({ seed: 42 });
  const truth = new Truth(world, (problem) => problems.push(problem));
  const limits = DEFAULT_LIMITS;
  const network = new SimulatedNetwork({ world, delayMaxMs: 20, windowBytes: 20_000, drainBytes: 1_000 });
  const broker = new SimulatedBroker({
    world,
    limits,
    faults: new Set(),
    witness: truth,
    delayMaxMs: 5,
    commitMaxMs: 10,
    leaseMs: 10_000,
  });
  const machine = world.machine("server");
  const backplane = broker.backplane(machine);
  const server = new SimulatedServer({ machine, network, backplane, contract, limits, faults: new Set(), hooks });
  const page = world.machine("page");
  const client = connect({
    url: "ws://simulated.test",
    ticket: () => Promise.reject(new Error("The port supplies tickets.")),
    ports: {
      now: page.monotonicMs,
      random: page.random,
      setTimer: (delayMs, fire) => page.after(delayMs, fire).cancel,
      open: (events) => network.open("page", [server], events),
      ticket: (settle) =>
        server.ticket("ada", null, (ticket) => settle(typeof ticket === "string" ? ticket : null, ticket)),
      watch: () => () => {},
      report: (error) => problems.push(String(error)),
    },
  });
  const seen: unknown[] = [];
  const lobby = client.channel("chat:lobby");
  lobby.on("publication", ({ data }) => seen.push(data));
  await world.run(5_000);
  const published = lobby.publish("Hello");
  network.of("page")[0]?.break("both");
  await world.run(60_000);
  await expect(published).resolves.toHaveProperty("pos");
  expect(seen).toEqual(["Hello"]);
  expect(truth.channels.get("chat:lobby")?.chain()).toHaveLength(2);
  expect(problems).toEqual([]);
});
