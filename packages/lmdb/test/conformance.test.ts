import { conformanceTests, type ConformanceSubject } from "@carillon/server/testing";
import { describe, test } from "vitest";
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

describe("the lmdb backplane", () => {
  for (const { name, skip, run } of conformanceTests(subject)) {
    // oxlint-disable-next-line vitest/expect-expect, vitest/valid-title -- The cases bring their own assertions, for any test runner.
    test(name, async (context) => (skip === null ? run() : context.skip(skip)));
  }
});
