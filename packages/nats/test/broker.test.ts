import type { Ports } from "@carillon/server/backplane";
import { systemPorts } from "@carillon/server/testing";
import { connect, type NatsConnection, type Status } from "@nats-io/transport-node";
import { describe, expect, test } from "vitest";
import { missingNats, NatsServer } from "../../../test/support/nats-server.ts";
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

const missing = missingNats();

describe.skipIf(missing !== undefined)(`a request${missing === undefined ? "" : `: ${missing}`}`, () => {
  test("of a process that stands still for longer than its timeout gets the answer that has come meanwhile", async () => {
    await using server = await NatsServer.start();
    const broker = new Broker(await connect({ servers: `127.0.0.1:${server.port}` }), systemPorts(), 300);
    const answer = new Promise<unknown>((resolve, reject) => {
      // In this order: the request goes out, the process stands still, its timer is over, and only then is read what came.
      setImmediate(() => {
        broker.request("$JS.API.INFO", "").then(resolve, reject);
        setImmediate(() => {
          setImmediate(() => {
            for (const end = performance.now() + 800; performance.now() < end;);
          });
        });
      });
    });
    expect(await answer).toMatchObject({ subject: expect.stringContaining("_INBOX") as string });
    await broker.close();
  });

  test("that nobody answers fails after its timeout", async () => {
    await using server = await NatsServer.start();
    const connection = await connect({ servers: `127.0.0.1:${server.port}` });
    const broker = new Broker(connection, systemPorts(), 300);
    connection.subscribe("nobody", { callback: () => {} });
    await connection.flush();
    await expect(broker.request("nobody", "")).rejects.toMatchObject({ kind: "timeout" });
    await broker.close();
  });
});
