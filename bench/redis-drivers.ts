/**
 * `npm run bench:redis-drivers`: what a call costs in each driver of Redis for Node.js, with the arguments and the answer
 * of an append, and what a live message costs. All in one process on one Redis, in turns.
 */
import { Redis } from "ioredis";
import { pathToFileURL } from "node:url";
import { Broker } from "./harness/broker.ts";
import { machine } from "./machine.ts";
import { REDIS } from "./peers/brokers.ts";
import { installPackage } from "./peers/install.ts";
import { markdownTable } from "./report/table.ts";
import { spreadText } from "./scenarios/figures.ts";
import { spreadOf } from "./statistics.ts";

const ROUNDS = 7;
const WARM_ROUNDS = 2;
const CALLS = 8_000;
const IN_FLIGHT = 64;
/** An append has as many arguments, and this is about as long as they are. */
const ARGS = [
  "p0-123",
  '["p0-123",["user","instance-of-a-user"]]',
  `j1:${"x".repeat(100)}`,
  "uuser",
  "scope",
  "print",
  "",
];
/** Answers as an append does, and does nothing else. */
const SCRIPT = "return { ARGV[1], ARGV[2], ARGV[3] }";
const TOPIC = "live";

interface Driver {
  readonly name: string;
  call(args: readonly string[]): Promise<unknown>;
  /** Calls back for each live message, as bytes. */
  listen(heard: () => void): Promise<void>;
  close(): void;
}

/** What is used of a driver that is only fetched for the comparison. */
interface IoredisLike {
  callBuffer(command: string, ...args: readonly string[]): Promise<unknown>;
  duplicate(): IoredisLike;
  on(event: "smessageBuffer", heard: () => void): unknown;
  ssubscribe(name: string): Promise<unknown>;
  disconnect(): void;
}
interface NodeRedisClient {
  connect(): Promise<unknown>;
  duplicate(): NodeRedisClient;
  withTypeMapping(mapping: object): NodeRedisClient;
  sendCommand(args: readonly string[]): Promise<unknown>;
  sSubscribe(name: string, heard: () => void, isBuffer: boolean): Promise<unknown>;
  destroy(): void;
}

function likeIoredis(name: string, redis: IoredisLike): Driver {
  const listening = redis.duplicate();
  return {
    name,
    call: ([command = "", ...args]) => redis.callBuffer(command, ...args),
    listen: async (heard) => {
      listening.on("smessageBuffer", heard);
      await listening.ssubscribe(TOPIC);
    },
    close: () => {
      redis.disconnect();
      listening.disconnect();
    },
  };
}

async function iovalkey(port: number): Promise<Driver | null> {
  const version = "0.4.0";
  const module = await fetched<{ default: new (options: { port: number }) => IoredisLike }>("iovalkey", version);
  return module === null ? null : likeIoredis(`iovalkey ${version}`, new module.default({ port }));
}

async function nodeRedis(port: number): Promise<Driver | null> {
  const version = "6.3.1";
  const module = await fetched<{
    createClient: (options: object) => NodeRedisClient;
    RESP_TYPES: { readonly BLOB_STRING: number };
  }>("@redis/client", version);
  if (module === null) return null;
  const client = module.createClient({ url: `redis://127.0.0.1:${port}` });
  const listening = client.duplicate();
  await Promise.all([client.connect(), listening.connect()]);
  const binary = client.withTypeMapping({ [module.RESP_TYPES.BLOB_STRING]: Buffer });
  return {
    name: `@redis/client ${version}`,
    call: (args) => binary.sendCommand(args),
    listen: async (heard) => void (await listening.sSubscribe(TOPIC, heard, true)),
    close: () => {
      client.destroy();
      listening.destroy();
    },
  };
}

async function fetched<Module>(name: string, version: string): Promise<Module | null> {
  const installed = installPackage(name, version);
  if ("missing" in installed) {
    console.error(`${name} is skipped: ${installed.missing}.`);
    return null;
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- A package outside of the workspace has no types here.
  return (await import(pathToFileURL(`${installed.folder}dist/index.js`).href).catch(
    () => import(pathToFileURL(`${installed.folder}built/index.js`).href),
  )) as Module;
}

/** Makes calls, so many under way at once; µs of this process a call. */
async function costOfCalls(driver: Driver, sha: string, calls: number, inFlight: number): Promise<number> {
  const args = ["EVALSHA", sha, "1", "key", ...ARGS];
  const before = process.cpuUsage();
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left-- > 0) await driver.call(args);
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
  return used(before) / calls;
}

/** Has so many messages published, and waits until all were heard; µs of this process a message, publishing included. */
async function costOfMessages(driver: Driver, heard: () => number, messages: number): Promise<number> {
  const before = process.cpuUsage();
  const goal = heard() + messages;
  const payload = "x".repeat(250);
  const all = Array.from({ length: messages }, () => driver.call(["SPUBLISH", TOPIC, payload]));
  await Promise.all(all);
  while (heard() < goal) await new Promise((resolve) => setImmediate(resolve));
  return used(before) / messages;
}

function used(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

async function main(): Promise<void> {
  await using broker = await Broker.start(REDIS, null);
  const { port } = broker.server;
  const found = [likeIoredis("ioredis 6.0.0", new Redis({ port })), await nodeRedis(port), await iovalkey(port)];
  const drivers = found.filter((driver) => driver !== null);
  const [first] = drivers;
  const sha = String(await first?.call(["SCRIPT", "LOAD", SCRIPT]));
  const heard = new Map<Driver, number>();
  const samples = new Map<Driver, number[][]>(drivers.map((driver) => [driver, []]));
  for (let round = -WARM_ROUNDS; round < ROUNDS; round++) {
    for (const driver of round % 2 === 0 ? drivers : [...drivers].reverse()) {
      const sample = [await costOfCalls(driver, sha, CALLS / 4, 1), await costOfCalls(driver, sha, CALLS, IN_FLIGHT)];
      if (round >= 0) samples.get(driver)?.push(sample);
    }
  }
  // One after the other, since each message goes to all who listen by then.
  for (const driver of drivers) {
    await driver.listen(() => heard.set(driver, (heard.get(driver) ?? 0) + 1));
    const count = (): number => heard.get(driver) ?? 0;
    await costOfMessages(driver, count, CALLS);
    for (let round = 0; round < ROUNDS; round++) {
      samples.get(driver)?.[round]?.push(await costOfMessages(driver, count, CALLS));
    }
    driver.close();
  }
  const rows = drivers.map((driver) => [
    driver.name,
    ...[0, 1, 2].map((which) =>
      spreadText(spreadOf((samples.get(driver) ?? []).map((sample) => sample[which] ?? Number.NaN)), 1),
    ),
  ]);
  console.log(machine());
  console.log(
    markdownTable(
      ["driver", "CPU µs a call, 1 under way", "64 under way", "a live message, published and heard"],
      rows,
    ),
  );
}

await main();
