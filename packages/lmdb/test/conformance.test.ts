import { conformanceTests, type ConformanceSubject } from "@carillon/server/testing";
import { describe, expect, test } from "vitest";
import { Folder, openStore } from "./stores.ts";

const subject: ConformanceSubject = {
  name: "lmdb",
  world: null,
  lasts: true,
  copies: true,
  shared: "A folder belongs to one process.",
  create: async () => {
    const folder = await Folder.create();
    return {
      open: (context) => openStore(folder.path, context),
      copy: () => folder.copy(),
      dispose: () => folder[Symbol.asyncDispose](),
    };
  },
};

const tests = conformanceTests(subject);

describe("the lmdb backplane", () => {
  for (const { name, run } of tests.filter(({ skip }) => skip === null)) {
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, run);
  }

  test("is held to everything but what several processes share", () => {
    expect(new Set(tests.map(({ skip }) => skip))).toEqual(new Set([null, subject.shared]));
    expect(tests.filter(({ skip }) => skip === null).length).toBeGreaterThan(80);
  });
});
