import { beforeEach, describe, expect, it } from "vitest";
import type { Answer } from "../../src/backplane/channel-store.ts";
import { SingleFlight } from "../../src/hub/single-flight.ts";
import { VirtualWorld } from "../../src/testing/virtual-world.ts";

let world: VirtualWorld;
let flight: SingleFlight<string>;
/** Questions that wait for their answer. */
let asked: ((answer: Answer<string>) => void)[];

beforeEach(() => {
  world = new VirtualWorld();
  flight = new SingleFlight(world);
  asked = [];
});

/** Asks; what was answered so far is in the result. */
function ask(key: string, channel = "chat:a"): string[] {
  const answers: string[] = [];
  flight.ask(
    channel,
    key,
    (answer) => answers.push(answer.ok ? answer.value : answer.code),
    (answer) => void asked.push(answer),
  );
  return answers;
}

describe("A single flight", () => {
  it("asks once for all who ask the same", () => {
    const [one, two] = [ask("p"), ask("p")];
    expect(asked).toHaveLength(1);
    asked[0]?.({ ok: true, value: "page" });
    expect([one, two, ask("p")]).toEqual([["page"], ["page"], ["page"]]);
    expect(asked).toHaveLength(1);
  });

  it("keeps channels and places apart", () => {
    ask("p");
    ask("q");
    ask("p", "chat:b");
    expect(asked).toHaveLength(3);
  });

  it("asks again once something has happened in the channel, and still answers those who wait", () => {
    const early = ask("p");
    flight.invalidate("chat:a");
    const late = ask("p");
    expect(asked).toHaveLength(2);
    asked[0]?.({ ok: true, value: "old" });
    expect([early, late]).toEqual([["old"], []]);
    asked[1]?.({ ok: true, value: "new" });
    expect([late, ask("p")]).toEqual([["new"], ["new"]]);
  });

  it("does not keep a failure", () => {
    const failed = ask("p");
    asked[0]?.({ ok: false, code: "unavailable", message: "" });
    expect(failed).toEqual(["unavailable"]);
    ask("p");
    expect(asked).toHaveLength(2);
  });

  it("keeps an answer for a second and no longer", () => {
    ask("p");
    asked[0]?.({ ok: true, value: "page" });
    world.advance(999);
    expect(ask("p")).toEqual(["page"]);
    world.advance(1);
    expect(ask("p")).toEqual([]);
    expect(asked).toHaveLength(2);
  });

  it("lets go of the oldest answers over its bound", () => {
    for (let place = 0; place < 100; place++) {
      ask(`p${place}`);
      asked.at(-1)?.({ ok: true, value: "page" });
    }
    expect(ask("p99")).toEqual(["page"]);
    expect(ask("p0")).toEqual([]);
  });
});
