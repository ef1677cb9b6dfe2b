import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import type { Backplane } from "@carillon/server";
import * as v from "valibot";
import { missingNats, NatsServer } from "./nats-server.ts";
import { RedisServer, WITHOUT_REDIS } from "./redis-server.ts";

const STREAM = v.object({ state: v.object({ messages: v.number(), last_seq: v.number() }) });

/** A broker under test. */
interface TestBroker extends AsyncDisposable {
  /** Where it is; through a proxy if one stands in front of it. */
  readonly port: number;
  /** What a process is told, to find it. */
  readonly address: string;
  /** A backplane over it. */
  at(port: number, isForgetful?: boolean): Backplane;
  /** Of the messages between nodes: how many were sent, and how many of them are gone, the oldest first. */
  messages(): Promise<{ readonly sent: number; readonly gone: number }>;
  /** Keeps a copy; resolves to what puts it back while it runs. */
  copy(): Promise<() => Promise<void>>;
}

/** Brokers of a kind, for tests that each of them has to pass. */
export interface BrokerKind {
  readonly name: "redis" | "nats";
  readonly missing: string | null;
  start(): Promise<TestBroker>;
}

/** Every broker that nodes can share. */
export const BROKERS: readonly BrokerKind[] = [
  {
    name: "redis",
    missing: WITHOUT_REDIS,
    start: async () => {
      const server = await RedisServer.start();
      return {
        port: server.port,
        address: server.url,
        at: (port, isForgetful = false) =>
          redis({
            url: `redis://127.0.0.1:${port}`,
            timeoutMs: 500,
            patienceMs: 200,
            ...(isForgetful ? { messagesMax: 100 } : {}),
          }),
        messages: async () => {
          const said = v.parse(v.array(v.unknown()), await server.command("XINFO", "STREAM", "carillon:{0}:messages"));
          const numberOf = (name: string): number => v.parse(v.number(), said[said.indexOf(name) + 1]);
          const sent = numberOf("entries-added");
          return { sent, gone: sent - numberOf("length") };
        },
        copy: () => server.copy(),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
  {
    name: "nats",
    missing: missingNats() ?? null,
    start: async () => {
      const server = await NatsServer.start();
      return {
        get port() {
          return server.port;
        },
        get address() {
          return server.address;
        },
        at: (port, isForgetful = false) =>
          nats({ servers: `127.0.0.1:${port}`, patienceMs: 500, ...(isForgetful ? { messagesMs: 1_000 } : {}) }),
        messages: async () => {
          const { state } = v.parse(STREAM, await server.api("STREAM.INFO.carillon_control"));
          return { sent: state.last_seq, gone: state.last_seq - state.messages };
        },
        copy: () => server.copy(),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    },
  },
];
