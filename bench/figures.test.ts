import { describe, expect, it } from "vitest";
import { differenceOf } from "./against/difference.ts";
import { capacityArguments } from "./arithmetic/arguments.ts";
import { optionsOf } from "./options.ts";
import { plotOf } from "./report/plots.ts";
import { resultTable } from "./report/table.ts";
import { allDelivered, atMost, atMostOf, figureOf, ratioOf, shareText } from "./scenarios/figures.ts";
import { SCENARIOS } from "./scenarios/index.ts";
import type { Row } from "./scenarios/scenario.ts";
import { spreadOf } from "./statistics.ts";

function row(peer: string, ...values: readonly number[]): Row {
  return { peer, samples: values.map((cpuUs) => ({ figures: { cpuUs, share: 1 } })) };
}

describe("the statistics of a benchmark", () => {
  it("are the middle, the least and the most", () => {
    expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
    expect(spreadOf([4, 1, 2, 3])).toEqual({ median: 2.5, min: 1, max: 4 });
    expect(() => spreadOf([])).toThrow(RangeError);
  });

  it("compare peers round by round", () => {
    const rows = [row("Carillon", 1, 4), row("ws", 10, 20)];
    expect(ratioOf(rows, "cpuUs", "Carillon", "ws")).toEqual({ median: 0.15000000000000002, min: 0.1, max: 0.2 });
    expect(ratioOf(rows, "cpuUs", "Carillon", "Bun")).toBeNull();
  });

  it("never round a share up to all of it", () => {
    expect(shareText(1)).toBe("100 %");
    expect(shareText(0.9999999)).toBe("99.999 %");
  });
});

describe("a bar", () => {
  const rows = [row("Carillon", 1, 1), row("ws", 2, 2)];

  it("is met at its limit, and missed above it", () => {
    expect(atMostOf(rows, "cpuUs", "ws", 0.5, "1/2").isMet).toBe(true);
    expect(atMostOf(rows, "cpuUs", "ws", 0.49, "0.49").isMet).toBe(false);
    expect(atMost(rows, "cpuUs", 1, "at most 1", "µs").isMet).toBe(true);
    expect(atMost(rows, "cpuUs", 0.9, "at most 0.9", "µs").isMet).toBe(false);
  });

  it("is not judged by a peer that was not measured", () => {
    expect(atMostOf(rows, "cpuUs", "Bun", 1, "1.0").isMet).toBeNull();
  });

  it("is missed when Carillon failed, or not all came", () => {
    const failed = [{ ...row("Carillon", 1), failure: "3 deliveries were lost" }, row("ws", 2)];
    expect(atMostOf(failed, "cpuUs", "ws", 1, "1.0")).toMatchObject({ isMet: false, figure: "3 deliveries were lost" });
    expect(allDelivered(failed, "all").isMet).toBe(false);
    expect(allDelivered(rows, "all").isMet).toBe(true);
    expect(allDelivered([{ peer: "Carillon", samples: [{ figures: { share: 0.99999 } }] }], "all").isMet).toBe(false);
  });
});

describe("a comparison of revisions", () => {
  it("calls a difference one only when every round shows it", () => {
    expect(differenceOf([2, 2, 2, 2], [1, 1, 1, 1])?.verdict).toBe("worse");
    expect(differenceOf([1, 1, 1, 1], [2, 2, 2, 2])?.verdict).toBe("better");
    expect(differenceOf([2, 2, 2, 0.9], [1, 1, 1, 1])?.verdict).toBe("within the spread");
    expect(differenceOf([1.01, 1.02, 1.01, 1.02], [1, 1, 1, 1])?.verdict).toBe("within the spread");
    expect(differenceOf([], [1])).toBeNull();
  });
});

describe("the page", () => {
  it("draws every scenario, with what does not count marked as such", () => {
    for (const scenario of SCENARIOS) {
      const figures = Object.fromEntries(scenario.columns.map(({ key }, index) => [key, index + 1]));
      const rows: Row[] = [
        { peer: "Carillon", samples: [{ figures }, { figures }] },
        { peer: "ws", samples: [{ figures }], behind: "11 % had come" },
        { peer: "Bun & co", samples: [], failure: "lost" },
      ];
      const plot = plotOf(scenario, rows) ?? "";
      expect(plot).toMatch(/^<svg [\s\S]*<\/svg>\n$/);
      expect(plot).not.toMatch(/NaN|Infinity|undefined|& /);
      const table = resultTable(scenario, rows);
      expect(table.split("\n")).toHaveLength(2 + rows.length);
      expect(table).toMatch(/fell behind/);
      expect(table).toMatch(/FAILED/);
    }
  });

  it("draws nothing where nothing was measured", () => {
    for (const scenario of SCENARIOS) expect(plotOf(scenario, [{ peer: "ws", samples: [] }])).toBeNull();
  });
});

describe("the command line", () => {
  it("takes scenarios by name and by number", () => {
    const { scenarios } = optionsOf(["idle", "1", "--quick"]);
    expect(scenarios?.map(({ name }) => name)).toEqual(["idle", "fan-out"]);
    expect(optionsOf(["--quick"])).toMatchObject({ scenarios: null, rounds: 2, isQuick: true });
  });

  it("takes names of peers, also those with a comma in them", () => {
    const names = ["Carillon ×3, Redis", "ws", "Carillon ×3, NATS", "Carillon"];
    expect(optionsOf(["--peers", names.join(",")]).only).toEqual(names);
    expect(optionsOf(["--peers", " ws , unknown, Carillon ×1, Redis"]).only).toEqual([
      "ws",
      "unknown",
      "Carillon ×1, Redis",
    ]);
  });

  it("says what it does not know", () => {
    expect(() => optionsOf(["99"])).toThrow(/Expected a scenario, got "99"/);
    expect(() => optionsOf(["--rounds", "x"])).toThrow(/Expected --rounds/);
  });

  it("knows a scenario of each number, and a bar for each but those that only describe", () => {
    expect(SCENARIOS.map(({ number }) => number)).toEqual(SCENARIOS.map((_, index) => index + 1));
    const [first] = SCENARIOS;
    expect(
      first?.judge([row("Carillon", 1), row("ws", 31), row("Bun", 1), row("Socket.IO", 39)]).map(({ isMet }) => isMet),
    ).toEqual([true, true, false]);
    expect(figureOf(row("ws", 1, 3), "cpuUs")?.median).toBe(2);
  });
});

describe("the command line of the arithmetic", () => {
  it("is a load, help, or a sentence that says what is wrong", () => {
    const load = { connections: 20_000, channels: 1, publishes: 100, subscribers: 100, bytes: 100, connects: 10 };
    expect(capacityArguments(["--connections", "20000"])).toEqual({ ...load, nodes: null });
    expect(capacityArguments(["--help"])).toBe("help");
    expect(capacityArguments(["--connections", "many"])).toMatch(
      /^--connections: expected a number above 0, got "many"/,
    );
    expect(capacityArguments(["--conections", "1"])).toMatch(/^Unknown option '--conections'/);
  });
});
