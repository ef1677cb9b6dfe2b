import { memory, type BackplaneContext, type OpenBackplane } from "@carillon/server";
import { conformanceTests, type ConformanceSubject } from "@carillon/server/testing";
import { describe, expect, test } from "vitest";

function open(context: BackplaneContext): Promise<OpenBackplane> {
  return new Promise((resolve, reject) => {
    memory().open(context, (opened) => (opened instanceof Error ? reject(opened) : resolve(opened)));
  });
}

const subject: ConformanceSubject = {
  name: "memory",
  world: null,
  lasts: "The memory backplane keeps nothing beyond its process.",
  copies: "There is no copy of the memory of a process.",
  shared: "The memory of a process is its own.",
  create: () => Promise.resolve({ open, dispose: () => Promise.resolve() }),
};

const tests = conformanceTests(subject);

describe("the memory backplane", () => {
  for (const { name, run } of tests.filter(({ skip }) => skip === null)) {
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, run);
  }

  test("is held to everything but what must outlive its process", () => {
    expect(new Set(tests.map(({ skip }) => skip))).toEqual(new Set([null, subject.lasts, subject.shared]));
    expect(tests.filter(({ skip }) => skip === null).length).toBeGreaterThan(60);
  });

  test("that took what earlier sessions ask for late would be found out", async () => {
    const faults = new Set(["no-session-order"] as const);
    const broken = conformanceTests({
      ...subject,
      create: () =>
        Promise.resolve({ open: (context) => open({ ...context, faults }), dispose: () => Promise.resolve() }),
    });
    const results = await Promise.allSettled(broken.filter(({ skip }) => skip === null).map(({ run }) => run()));
    expect(results.filter(({ status }) => status === "rejected")).toHaveLength(5);
  });
});
