import { CarillonError, defineContract, log, state, type Schema, type Upgrade } from "@carillon/protocol";
import { describe, expect, test } from "vitest";
import * as v from "valibot";
import type { Answer } from "../../src/backplane/channel-store.ts";
import type { AmendRecord, ChannelRecord } from "../../src/backplane/records.ts";
import { Metrics } from "../../src/core/metrics.ts";
import { PresentForm } from "../../src/policy/present-form.ts";
import { Targets } from "../../src/policy/target.ts";
import { amendment, publication, told } from "../backplane/records.ts";

const message = v.object({ text: v.string() });

interface Stage {
  readonly form: PresentForm;
  readonly metrics: Metrics;
  readonly errors: Readonly<Record<string, unknown>>[];
  /** Calls of `upgrade`: what it was given. */
  readonly upgrades: [unknown, number][];
  /** Lets schemas that take their time answer. */
  answerAll(): void;
}

interface StageOptions {
  readonly schema?: Schema;
  readonly version?: number;
  readonly upgrade?: Upgrade;
  readonly isSlow?: boolean;
  readonly refusal?: CarillonError;
}

/** Version 1 was a text, version 2 an object with a text under another name, version 3 is today's. */
function toPresent(data: unknown, version: number): unknown {
  if (version === 1) return { text: String(data) };
  const { txt } = data as { readonly txt: string };
  return { text: txt.toUpperCase() };
}

function stage({
  schema = message,
  version = 3,
  upgrade = toPresent,
  isSlow = false,
  refusal,
}: StageOptions = {}): Stage {
  const metrics = new Metrics();
  const errors: Readonly<Record<string, unknown>>[] = [];
  const upgrades: [unknown, number][] = [];
  const waiting: (() => void)[] = [];
  const contract = defineContract({
    channels: {
      "chat:{room}": log({
        data: schema,
        version,
        upgrade: (data, from) => {
          upgrades.push([data, from]);
          return upgrade(data, from);
        },
        presence: message,
      }),
      "plain:{room}": log({ data: message }),
      "board:{room}": state({ value: message }),
    },
  });
  const form = new PresentForm({
    targets: new Targets(contract),
    metrics,
    logger: { error: (_, fields = {}) => errors.push(fields), warn: () => {}, info: () => {}, debug: () => {} },
    hooks: {
      validate: (target, input, done) => {
        const result = target.schema["~standard"].validate(input);
        if (result instanceof Promise) throw new Error("Expected a schema that answers at once.");
        const isValid = result.issues === undefined;
        const payload = isValid ? JSON.stringify(result.value) : new CarillonError("invalid_data", "Not a message.");
        if (isSlow) waiting.push(() => done(refusal ?? payload));
        else done(refusal ?? payload);
      },
    },
  });
  return { form, metrics, errors, upgrades, answerAll: () => waiting.splice(0).forEach((answer) => answer()) };
}

function read(
  form: PresentForm,
  records: readonly ChannelRecord[],
  channel = "chat:a",
): Answer<readonly ChannelRecord[]>[] {
  const answers: Answer<readonly ChannelRecord[]>[] = [];
  form.read(channel, records, (answer) => answers.push(answer));
  return answers;
}

function value(answers: readonly Answer<readonly ChannelRecord[]>[]): readonly ChannelRecord[] {
  expect(answers).toHaveLength(1);
  const [answer] = answers;
  if (answer?.ok !== true) throw new Error("Expected records.");
  return answer.value;
}

describe("the present form of what is stored", () => {
  test("is what upgrade makes of it, from whatever version, in the same order", () => {
    const { form, upgrades } = stage();
    const records = [
      publication("a", { data: '"one"', version: 1 }),
      publication("b", { data: '{"txt":"two"}', version: 2 }),
      publication("c", { data: '{"text":"three"}', version: 3 }),
    ];
    const present = value(read(form, records));
    expect(told(present)).toEqual(['a={"text":"one"}', 'b={"text":"TWO"}', 'c={"text":"three"}']);
    expect(present).toMatchObject([{ version: 3 }, { version: 3 }, { version: 3 }]);
    expect(upgrades).toEqual([
      ["one", 1],
      [{ txt: "two" }, 2],
    ]);
    expect(
      records.map(({ version }) => version),
      "what the store holds is left alone",
    ).toEqual([1, 2, 3]);
  });

  test("of an amendment is by the version that it was written under, not that of its publication", () => {
    const { form } = stage();
    const amend = (id: string, data: string | null, version: number): AmendRecord => {
      return { ...amendment(id, "a", data, 0), version };
    };
    const records = [amend("x", '"old"', 1), amend("y", '{"text":"new"}', 3), amend("e", null, 1)];
    const present = told(value(read(form, records)));
    expect(present).toEqual(['a*x={"text":"old"}', 'a*y={"text":"new"}', "a*e=erased"]);
  });

  test("of bytes is made from bytes", () => {
    const { form, upgrades } = stage();
    const data = Uint8Array.of(1, 2);
    value(read(form, [publication("a", { data, version: 1 })]));
    expect(upgrades).toEqual([[data, 1]]);
  });

  test("of what was erased is erased, and upgrade is not asked", () => {
    const { form, upgrades } = stage();
    expect(value(read(form, [publication("a", { data: null, version: 1 })]))).toMatchObject([
      { data: null, version: 3 },
    ]);
    expect(upgrades).toEqual([]);
  });

  test.each<[string, Upgrade]>([
    [
      "upgrade throws",
      () => {
        throw new Error("No idea.");
      },
    ],
    ["upgrade gives what the schema refuses", () => ({ text: 7 })],
    ["upgrade gives nothing", () => undefined],
    ["upgrade gives a promise", async () => ({ text: "late" })],
  ])("is a tombstone in its place, with its own version, where %s", (_, upgrade) => {
    const { form, metrics, errors } = stage({ upgrade });
    const records = ["a", "b"].map((id) => publication(id, { version: 1 }));
    const present = value(read(form, [...records, publication("c", { data: '{"text":"c"}', version: 3 })]));
    expect(told(present)).toEqual(["a=erased", "b=erased", 'c={"text":"c"}']);
    expect(present).toMatchObject([{ version: 1 }, { version: 1 }, { version: 3 }]);
    expect(metrics.upgradesFailed).toBe(2);
    expect(errors, "logged once, counted always").toMatchObject([{ channel: "chat:a", id: "a", version: 1 }]);
  });

  test("of what a later contract wrote is what was written, with its version", () => {
    const { form, upgrades } = stage();
    const later = publication("a", { data: '{"blocks":[]}', version: 4 });
    expect(value(read(form, [later]))).toEqual([later]);
    expect(upgrades).toEqual([]);
  });

  test.each(["plain:a", "board:a", "@presence:chat:a", "nowhere:a"])("of %s is what is stored", (channel) => {
    const { form, upgrades } = stage();
    const records = [publication("a", { version: 1 })];
    expect(value(read(form, records, channel))).toBe(records);
    expect(upgrades).toEqual([]);
  });

  test("comes when the schema has answered, all at once, and can't be had before", () => {
    const { form, answerAll } = stage({ isSlow: true });
    const records = ["a", "b"].map((id) => publication(id, { data: `"${id}"`, version: 1 }));
    const answers = read(form, records);
    expect(answers).toEqual([]);
    expect(form.readNow("chat:a", records)).toBe(null);
    answerAll();
    expect(told(value(answers))).toEqual(['a={"text":"a"}', 'b={"text":"b"}']);
  });

  test("is asked for again later if the schema did not answer in time: nothing is taken for erased", () => {
    const { form, metrics } = stage({ refusal: new CarillonError("timeout", "Too late.") });
    expect(read(form, [publication("a", { version: 1 })])).toMatchObject([{ ok: false, code: "timeout" }]);
    expect(metrics.upgradesFailed).toBe(0);
  });
});
