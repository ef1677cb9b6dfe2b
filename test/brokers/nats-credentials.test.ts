import type { Answer, TicketStore } from "@carillon/server/backplane";
import { connect, type Socket } from "node:net";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { missingNats, NatsServer } from "../support/nats-server.ts";
import { Store } from "../support/nats-store.ts";

const missing = missingNats();
const TTL_MS = 60_000;
const APPLICATION = "carillon";

/** The tickets of a store, as promises. */
class Tickets {
  readonly #tickets: TicketStore;

  constructor({ backplane }: Store) {
    this.#tickets = backplane.tickets;
  }

  put(key: string, value: string): Promise<null> {
    return valueOf((done) => this.#tickets.put(key, value, TTL_MS, done));
  }

  read(key: string): Promise<string | null> {
    return valueOf((done) => this.#tickets.read(key, done));
  }

  swap(key: string, before: string, value: string): Promise<boolean> {
    return valueOf((done) => this.#tickets.swap(key, before, value, TTL_MS, done));
  }

  take(key: string): Promise<string | null> {
    return valueOf((done) => this.#tickets.take(key, done));
  }
}

function valueOf<T>(ask: (done: (answer: Answer<T>) => void) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    ask((answer) => (answer.ok ? resolve(answer.value) : reject(new Error(answer.message))));
  });
}

/** Hears what nodes ask of NATS. */
class Requests implements Disposable {
  readonly #socket: Socket;
  #subjects: string[] = [];
  #rest = "";

  constructor({ port }: NatsServer) {
    this.#socket = connect(port, "127.0.0.1");
    this.#socket.write(`CONNECT {"verbose":false}\r\nSUB ${APPLICATION}.> 1\r\nSUB $JS.API.> 2\r\nPING\r\n`);
    this.#socket.on("data", (chunk) => {
      const lines = (this.#rest + String(chunk)).split("\r\n");
      this.#rest = lines.pop() ?? "";
      for (const line of lines) {
        const [, subject] = /^H?MSG (\S+) [12] /.exec(line) ?? [];
        if (subject !== undefined) this.#subjects.push(subject);
        else if (line === "PONG") this.#subjects.push("");
      }
    });
  }

  /** Resolves to what was asked about credentials since the last call, and whatever is meant by `more`. */
  async taken(more: RegExp = /^$/): Promise<string[]> {
    const before = this.#subjects.filter((subject) => subject === "").length;
    this.#socket.write("PING\r\n");
    await vi.waitUntil(() => this.#subjects.filter((subject) => subject === "").length > before);
    const found = this.#subjects.filter((subject) => subject !== "" && (isOfTicket(subject) || more.test(subject)));
    this.#subjects = [];
    return found.map((subject) => subject.split(".").slice(0, -1).join("."));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

function isOfTicket(subject: string): boolean {
  return subject.startsWith(`${APPLICATION}.ticket.`) || /^\$JS\.API\..*ticket/i.test(subject);
}

describe("credentials in NATS", () => {
  beforeEach((context) => {
    if (missing !== undefined) context.skip(missing);
  });

  test("what a node has read or put is exchanged and taken without being read again", async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    const [here, there] = [new Tickets(one), new Tickets(two)];
    await here.put("key", "a");
    using requests = new Requests(server);
    await requests.taken();
    expect(await there.read("key")).toBe("a");
    expect(await requests.taken()).toEqual(["$JS.API.DIRECT.GET"]);
    expect(await there.swap("key", "a", "b")).toBe(true);
    expect(await requests.taken()).toEqual([`${APPLICATION}.ticket`]);
    expect(await there.take("key")).toBe("b");
    expect(await requests.taken()).toEqual(["$JS.API.STREAM.MSG.DELETE"]);
    expect(await here.read("key")).toBeNull();
  });

  test("what another node has exchanged or taken meanwhile is not what was read", async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    const [here, there] = [new Tickets(one), new Tickets(two)];
    await here.put("key", "a");
    expect(await there.read("key")).toBe("a");
    expect(await here.swap("key", "a", "b")).toBe(true);
    expect(await there.swap("key", "a", "c")).toBe(false);
    expect(await there.swap("key", "b", "c")).toBe(true);
    // `here` still knows it as b.
    expect(await here.take("key")).toBe("c");
    expect(await there.take("key")).toBeNull();
    expect(await there.swap("key", "c", "d")).toBe(false);
    expect(await here.swap("key", "b", "d")).toBe(false);
  });

  test("of many exchanges of what all have read, one succeeds", async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    const [here, there] = [new Tickets(one), new Tickets(two)];
    for (let round = 0; round < 50; round++) {
      const key = `key ${round}`;
      await here.put(key, "a");
      await there.read(key);
      const swapped = await Promise.all(
        [here, there, here, there].map((tickets, index) => tickets.swap(key, "a", `b${index}`)),
      );
      expect(swapped.filter(Boolean)).toHaveLength(1);
      expect(await there.read(key)).toBe(`b${swapped.indexOf(true)}`);
    }
  });

  test("a store that was put back, and uses sequences again, is not believed to have what was put before", async () => {
    await using server = await NatsServer.start();
    await using store = await Store.open(server);
    const tickets = new Tickets(store);
    const restore = await server.copy();
    await vi.waitFor(() => tickets.put("lost", "a"), { timeout: 10_000 });
    await restore();
    // It gets the place in the stream that the other one had.
    await vi.waitFor(() => tickets.put("new", "b"), { timeout: 10_000 });
    expect(await tickets.take("lost")).toBeNull();
    expect(await tickets.read("new")).toBe("b");
  });

  test("many messages between nodes that wait for each other go out as few, and all arrive in order", async () => {
    await using server = await NatsServer.start();
    await using one = await Store.open(server);
    await using two = await Store.open(server);
    using requests = new Requests(server);
    await requests.taken();
    const instances = Array.from({ length: 1_200 }, (_, index) => `i_${index}`);
    for (const instance of instances)
      one.backplane.control.send({ type: "replace", instance, session: "s_1", term: 2 });
    const told = (store: Store): string[] =>
      store.controls.flatMap((message) => (message.type === "replace" ? [message.instance] : []));
    for (const store of [one, two]) await expect.poll(() => told(store)).toEqual(instances);
    const sent = await requests.taken(/^carillon\.control$/);
    expect(sent.length).toBeLessThanOrEqual(8);
  });
});
