import type { Ports } from "@carillon/server/backplane";
import type { NatsConnection, Status } from "@nats-io/transport-node";
import { expect, test } from "vitest";
import { Broker } from "../src/broker.ts";

/** A connection that keeps what is published, and breaks when it is told to. */
function createConnection() {
  const published: string[] = [];
  let tell: (status: Status) => void = () => {};
  const connection = {
    subscribe: () => {},
    publish: (subject: string) => published.push(subject),
    async *status() {
      for (;;) yield await new Promise<Status>((resolve) => (tell = resolve));
    },
  } as unknown as NatsConnection;
  const told = async (type: "disconnect" | "reconnect"): Promise<void> => {
    tell({ type, server: "" });
    await new Promise<void>((resolve) => queueMicrotask(() => queueMicrotask(resolve)));
  };
  return { connection, published, told };
}

const ports = { after: () => ({ cancel: () => {} }) } as unknown as Ports;
const endOfTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

test("requests of one turn go out together at its end, in their order", async () => {
  const { connection, published } = createConnection();
  const broker = new Broker(connection, ports, 1_000);
  void broker.request("a", "");
  await Promise.resolve();
  void broker.request("b", "");
  expect(published).toEqual([]);
  await endOfTurn();
  expect(published).toEqual(["a", "b"]);
});

test("what was to go out when the connection broke fails, and does not go out on the next one", async () => {
  const { connection, published, told } = createConnection();
  const broker = new Broker(connection, ports, 1_000);
  await endOfTurn();
  const request = Promise.allSettled([broker.request("a", "")]);
  await told("disconnect");
  await told("reconnect");
  expect(await request).toMatchObject([{ status: "rejected", reason: { kind: "timeout" } }]);
  void broker.request("b", "");
  await endOfTurn();
  expect(published).toEqual(["b"]);
});
