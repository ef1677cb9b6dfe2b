import type { Json } from "@carillon/protocol";
import { beforeEach, describe, expect, it } from "vitest";
import type { ClusterNode, Control, ControlMessage } from "../../src/backplane/control.ts";
import { type SurveyHandler, Surveys } from "../../src/face/surveys.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

const NODES: readonly ClusterNode[] = ["one", "two"].map((id) => ({ id, since: 0 }));

let world: VirtualWorld;
/** What went over the bus. */
let sent: ControlMessage[];
let logged: string[];
let nodes: Surveys[];

/** A node whose messages reach every node at once. */
function open(name: string, handlers: Readonly<Record<string, SurveyHandler>>): Surveys {
  const silent = (): void => {};
  const control: Control = {
    node: name,
    send: (message) => {
      sent.push(message);
      if (message.type === "ask" || message.type === "answer") for (const node of nodes) node.take(message);
    },
    nodes: (done) => done({ ok: true, value: NODES }),
    close: silent,
  };
  const surveys = new Surveys({
    ports: world,
    limits: { hookTimeoutMs: 10_000 },
    logger: { debug: silent, info: silent, warn: silent, error: (message) => void logged.push(message) },
    control: () => control,
    handlers: new Map(Object.entries(handlers)),
  });
  nodes.push(surveys);
  return surveys;
}

/** Lets promises be settled. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

const never = (): Promise<Json> => new Promise(() => {});

beforeEach(() => {
  world = new VirtualWorld();
  sent = [];
  logged = [];
  nodes = [];
});

describe("a survey", () => {
  it("has the answers of all nodes, those that are there at once and those that come later", async () => {
    const one = open("one", { size: () => 1 });
    open("two", { size: async () => 2 });
    const { answers, isComplete } = await one.ask("size", null, 2_000);
    expect(answers).toEqual([
      { node: "one", answer: 1 },
      { node: "two", answer: 2 },
    ]);
    expect(isComplete).toBe(true);
    expect(world.timers).toBe(0);
  });

  it("names a node whose application does not answer, which gives up in its own time and says so", async () => {
    const one = open("one", { size: () => 1 });
    open("two", { size: never });
    const asking = one.ask("size", null, 2_000);
    world.advance(2_000);
    expect(await asking).toMatchObject({ missing: ["two"], isComplete: false });
    const patient = one.ask("size", null, 20_000);
    world.advance(10_000);
    const error = "The survey failed on this node; its log says how.";
    expect(await patient).toMatchObject({ failed: [{ node: "two", error }], missing: [], isComplete: false });
    expect(logged).toEqual(["A survey failed.", "A survey failed."]);
    expect(world.timers).toBe(0);
  });

  it("is answered once: what an application says after its time is over goes nowhere", async () => {
    let answer: (output: Json) => void = () => {};
    const one = open("one", { size: () => 1 });
    open("two", { size: () => new Promise((resolve) => (answer = resolve)) });
    const asking = one.ask("size", null, 20_000);
    world.advance(10_000);
    answer(2);
    await turn();
    expect((await asking).failed.map(({ node }) => node)).toEqual(["two"]);
    expect(sent.map(({ type }) => type)).toEqual(["ask", "answer"]);
  });

  it("is refused by a node that answers a thousand already, whoever asks, until their time is over", async () => {
    const one = open("one", { size: () => 1 });
    const two = open("two", { size: () => 2, hang: never });
    for (let count = 0; count < 1_000; count++)
      two.take({ type: "ask", id: `q${count}`, from: "three", name: "hang", input: null });
    const { failed } = await one.ask("size", null, 2_000);
    const error = "Expected at most 1000 surveys at once on this node; wait for some to end.";
    expect(failed).toEqual([{ node: "two", error }]);
    world.advance(10_000);
    expect(await one.ask("size", null, 2_000)).toMatchObject({ isComplete: true });
    expect(world.timers).toBe(0);
  });

  it("whose application throws, or answers what is no JSON, fails on that node alone", async () => {
    const one = open("one", {
      throws: () => {
        throw new Error("No.");
      },
      odd: () => undefined as unknown as Json,
    });
    open("two", { throws: () => 2, odd: () => 2 });
    for (const name of ["throws", "odd"]) {
      const { answers, failed } = await one.ask(name, null, 2_000);
      expect(answers).toEqual([{ node: "two", answer: 2 }]);
      expect(failed.map(({ node }) => node)).toEqual(["one"]);
    }
  });
});
