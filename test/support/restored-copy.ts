import { connect, type Client } from "@carillon/client";
import type { Fault } from "@carillon/server/testing";
import { cp, rm } from "node:fs/promises";
import { setTimeout as wait } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Bundle } from "./bundle.ts";
import { DurableServer } from "./durable-server.ts";
import { RetryingPublisher, type PublishAnswer } from "./retrying-publisher.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { WireClient } from "./wire-client.ts";

const LOG = "chat:lobby";
const BOARD = "board:lobby";
const DEADLINE_MS = 15_000;

/** What a restored store did to those who were there before. */
export interface RestoreReport {
  /** A subscriber that had been told of what the copy does not have. */
  readonly ahead: Told;
  /** A subscriber that was away since before the copy was made. */
  readonly behind: Told;
  /** What is stored in the end. */
  readonly stored: readonly string[];
  /** The board in the end, as a newcomer sees it. */
  readonly board: Readonly<Record<string, string>>;
  /** True: the place that `ahead` came back with has the epoch of the log that was put back, and an offset of it. */
  readonly wouldFit: boolean;
  /** Answers to what was published before the restore and again after it, twice. */
  readonly retried: readonly (readonly [again: PublishAnswer | undefined, onceMore: PublishAnswer | undefined])[];
}

/** What a subscriber was told after the restore. */
interface Told {
  readonly gaps: readonly string[];
  /** Ids, behind the last gap if there was one. */
  readonly ids: readonly string[];
  readonly board: Readonly<Record<string, string>>;
}

/**
 * Puts an old copy of a store back under live clients:
 *
 *     common 20 ── copy ── lost 10 ── restore ── retried 5 of the lost, new 15
 *                                     ▲ `ahead` comes back only when the log is longer than it ever saw it
 */
export async function restoreCopy(program: Bundle, folder: string, faults: readonly Fault[]): Promise<RestoreReport> {
  const copy = `${folder}-copy`;
  await using server = new DurableServer({ program, folder, faults });
  await server.start();
  const [aheadProxy, behindProxy] = [await TcpProxy.start(server), await TcpProxy.start(server)];
  const ahead = new Subscriber(server, aheadProxy);
  const behind = new Subscriber(server, behindProxy);
  const writer = new Writer(server);
  await writer.connect();
  await Promise.all([ahead.live(), behind.live()]);
  const common = await writer.publish("common", 20);
  await writer.set("first", "common");
  await Promise.all([ahead.until(common.at(-1)), behind.until(common.at(-1))]);
  behindProxy.refuse();
  behindProxy.reset();
  // Nothing is written meanwhile, so the copy is as good as one of a server that was stopped.
  await cp(folder, copy, { recursive: true });

  const lost = await writer.publish("lost", 10);
  await writer.set("second", "lost");
  await ahead.until(lost.at(-1));
  const before = ahead.channel.position ?? "";
  aheadProxy.refuse();
  aheadProxy.reset();
  await server.kill();
  await rm(folder, { recursive: true });
  await cp(copy, folder, { recursive: true });

  await server.start();
  await writer.connect();
  const retried = await writer.retry(lost.slice(0, 5));
  const fresh = await writer.publish("new", 15);
  await writer.set("third", "new");
  for (const subscriber of [ahead, behind]) subscriber.begin();
  for (const proxy of [aheadProxy, behindProxy]) proxy.accept();
  await Promise.all([ahead.until(fresh.at(-1)), behind.until(fresh.at(-1))]);
  await Promise.all([ahead.live(), behind.live()]);
  const newcomer = new Subscriber(server, server);
  await newcomer.live();
  const { items, pos } = await newcomer.channel.history({ limit: 100 });
  const report = {
    ahead: ahead.told(),
    behind: behind.told(),
    stored: items.map(({ id }) => id),
    board: newcomer.told().board,
    wouldFit: epochOf(before) === epochOf(pos) && offsetOf(before) < offsetOf(pos),
    retried,
  };
  for (const subscriber of [ahead, behind, newcomer]) subscriber.close();
  await writer.close();
  for (const proxy of [aheadProxy, behindProxy]) await proxy.close();
  await rm(copy, { recursive: true, force: true });
  return report;
}

// Positions are opaque; who knows how these are made may say what others would have gone by.
const epochOf = (position: string): string => position.split(".")[0] ?? "";
const offsetOf = (position: string): number => Number.parseInt(position.split(".")[1] ?? "", 36);

/** A client of the SDK that follows the log and the board. */
class Subscriber {
  readonly #client: Client;
  #ids: string[] = [];
  #gaps: string[] = [];

  constructor(server: DurableServer, { port }: { readonly port: number }) {
    this.#client = connect({
      url: `ws://127.0.0.1:${port}/realtime`,
      ticket: () => server.ticket("ada"),
      WebSocket,
    });
    this.channel.on("publication", ({ id }) => this.#ids.push(id));
    this.channel.on("gap", ({ reason }) => {
      this.#gaps.push(reason);
      this.#ids = [];
    });
    this.#board.on("change", () => {});
  }

  get channel() {
    return this.#client.channel(LOG);
  }

  get #board() {
    return this.#client.channel(BOARD);
  }

  /** Forgets what it was told so far. */
  begin(): void {
    this.#ids = [];
    this.#gaps = [];
  }

  told(): Told {
    const board = Object.fromEntries([...this.#board.entries].map(([key, { value }]) => [key, String(value)]));
    return { gaps: this.#gaps, ids: this.#ids, board };
  }

  /** Waits until it was told of a publication. */
  async until(id: string | undefined): Promise<void> {
    await this.#poll(() => this.#ids.includes(id ?? ""), `was told of ${id}`);
  }

  /** Waits until it is connected and has caught up. */
  async live(): Promise<void> {
    await this.#poll(() => this.channel.isLive && this.#board.isLive, "is live");
  }

  close(): void {
    this.#client.disconnect();
  }

  async #poll(isSo: () => boolean, what: string): Promise<void> {
    const deadline = performance.now() + DEADLINE_MS;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`A subscriber did not come so far that it ${what}.`);
      await wait(5);
    }
  }
}

/** Whoever publishes and sets, always on the server as it is now. */
class Writer {
  readonly #server: DurableServer;
  readonly #answers = new Map<string, PublishAnswer>();
  readonly #publisher = new RetryingPublisher(LOG, (id, answer) => this.#answers.set(id, answer));
  #client: WireClient | null = null;

  constructor(server: DurableServer) {
    this.#server = server;
  }

  async connect(): Promise<void> {
    const url = `ws://127.0.0.1:${this.#server.port}/realtime`;
    await this.close();
    await this.#publisher.connect(url, () => this.#server.ticket("bob"));
    this.#client = await WireClient.connect(url, await this.#server.ticket("bob"));
    this.#client.ws.on("error", () => {});
  }

  async publish(name: string, count: number): Promise<readonly string[]> {
    const ids = Array.from({ length: count }, (_, index) => `${name}-${index}`);
    await this.#publisher.ask(ids, false);
    return ids;
  }

  /** Publishes again what was published before, twice. */
  async retry(ids: readonly string[]): Promise<RestoreReport["retried"]> {
    const rounds: PublishAnswer[][] = [];
    for (let round = 0; round < 2; round++) {
      await this.#publisher.ask(ids, true);
      rounds.push(ids.map((id) => this.#answers.get(id) ?? "not answered"));
    }
    return ids.map((_, index) => [rounds[0]?.[index], rounds[1]?.[index]] as const);
  }

  async set(key: string, data: string): Promise<void> {
    await this.#client?.command({ cmd: "set", channel: BOARD, key, data });
  }

  async close(): Promise<void> {
    await this.#publisher.cut();
    this.#client?.ws.terminate();
    this.#client = null;
  }
}
