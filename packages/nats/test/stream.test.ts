import { expect, test } from "vitest";
import type { Broker } from "../src/broker.ts";
import { Stream } from "../src/stream.ts";

test("a purge up to the first message asks for nothing: NATS would delete everything", async () => {
  const asked: unknown[] = [];
  const api = (name: string, body: object): Promise<object> => {
    asked.push([name, body]);
    return Promise.resolve({});
  };
  const stream = new Stream({ api } as unknown as Broker, "S");
  for (const before of [0, 1, 2]) await stream.purge("chat.lobby", before);
  expect(asked).toEqual([["STREAM.PURGE.S", { filter: "chat.lobby", seq: 2 }]]);
});
