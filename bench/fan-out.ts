import { Child } from "../test/support/child.ts";
import type { LoadOrder, LoadReport, ServerKind, ServerOrder, ServerReport } from "./messages.ts";
import { spreadOf, type Spread } from "./statistics.ts";

/** Settings of {@link measureFanOut}. */
export interface FanOutOptions {
  readonly kinds: readonly ServerKind[];
  readonly subscribers: number;
  readonly rounds: number;
  readonly loads: readonly FanOutLoad[];
  /** Processors for the servers and for the load generator; null: any. */
  readonly cpus: readonly [server: number, load: number] | null;
  /** Arguments of Node for every process. */
  readonly nodeArgs: readonly string[];
}

/** So many messages with so many in flight; per kind, since a faster one needs more of them to be measured. */
export interface FanOutLoad {
  readonly inFlight: number;
  readonly messages: (kind: ServerKind) => number;
}

/** What was measured of one server under one load. */
export interface FanOutResult {
  readonly kind: ServerKind;
  readonly inFlight: number;
  /** Server processor time per delivery, in microseconds. */
  readonly cpuUsPerDelivery: Spread;
  /** The same as a share of that of `ws` in the same round. */
  readonly ratioToWs: Spread;
  readonly deliveriesPerSecond: Spread;
  readonly bytesPerDelivery: number;
  /** Share of the time in which the load generator had something to do; at 1 it would be what is measured. */
  readonly loadBusy: Spread;
  /** Deliveries counted in all measured rounds. */
  readonly deliveries: number;
}

/** All results; or none, and what was wrong with what came. */
export interface FanOutReport {
  readonly results: readonly FanOutResult[];
  readonly problems: readonly string[];
}

/**
 * One channel, many subscribers, short messages: what does the server pay for a delivery? All servers stand at the same
 * time, each in a process of its own, and take turns, in one order and then in the other, so that whatever else the
 * machine does falls on all of them. Every delivery is counted: a server that leaves one out has failed, and ends it.
 */
export async function measureFanOut(options: FanOutOptions): Promise<FanOutReport> {
  const { kinds, subscribers, rounds, loads } = options;
  const field = await Field.open(options);
  try {
    await field.connect(kinds, subscribers);
    const samples: Sample[] = [];
    // Round 0 warms up, and is not measured.
    for (let round = 0; round <= rounds; round++) {
      for (const load of loads) {
        for (const kind of round % 2 === 0 ? kinds : [...kinds].reverse()) {
          const sample = await field.measure(kind, load);
          const problems = sample.problems.map((problem) => `${kind}, ${load.inFlight} in flight: ${problem}`);
          if (problems.length > 0) return { results: [], problems };
          if (round > 0) samples.push(sample);
        }
      }
    }
    const results = loads.flatMap(({ inFlight }) => kinds.map((kind) => resultOf(kind, inFlight, samples)));
    return { results, problems: [] };
  } finally {
    await field.close();
  }
}

interface Sample extends LoadReport {
  readonly kind: ServerKind;
  readonly inFlight: number;
  /** Processor time of the server. */
  readonly serverUs: number;
}

type Server = Child<ServerOrder, ServerReport>;
type LoadGenerator = Child<LoadOrder, LoadReport>;

/** The processes of a measurement. */
class Field {
  readonly #options: FanOutOptions;
  readonly #load: LoadGenerator;
  readonly #servers = new Map<ServerKind, Server>();

  private constructor(options: FanOutOptions) {
    this.#options = options;
    const file = new URL("load/load-process.ts", import.meta.url);
    this.#load = new Child({ file, nodeArgs: options.nodeArgs, cpu: options.cpus?.[1] ?? null });
  }

  static async open(options: FanOutOptions): Promise<Field> {
    const field = new Field(options);
    await field.#load.report();
    return field;
  }

  async connect(kinds: readonly ServerKind[], subscribers: number): Promise<void> {
    const { nodeArgs, cpus } = this.#options;
    const file = new URL("servers/server-process.ts", import.meta.url);
    for (const kind of kinds) {
      const server: Server = new Child({ file, args: [kind], nodeArgs, cpu: cpus?.[0] ?? null });
      this.#servers.set(kind, server);
      const { port } = await server.report();
      await this.#load.order({ order: "connect", kind, port, subscribers });
    }
  }

  async measure(kind: ServerKind, { inFlight, messages }: FanOutLoad): Promise<Sample> {
    const server = this.#servers.get(kind);
    if (server === undefined) throw new Error(`Expected a server of kind ${kind}.`);
    const before = await server.order({ order: "usage" });
    const load = await this.#load.order({ order: "run", kind, messages: messages(kind), inFlight });
    const after = await server.order({ order: "usage" });
    const lags = after.lags - before.lags;
    const problems = lags === 0 ? load.problems : [...load.problems, `${lags} subscribers could not keep up.`];
    return { ...load, problems, kind, inFlight, serverUs: after.cpuUs - before.cpuUs };
  }

  async close(): Promise<void> {
    for (const child of [...this.#servers.values(), this.#load]) await child[Symbol.asyncDispose]();
  }
}

function resultOf(kind: ServerKind, inFlight: number, samples: readonly Sample[]): FanOutResult {
  const of = (wanted: ServerKind): Sample[] =>
    samples.filter((sample) => sample.kind === wanted && sample.inFlight === inFlight);
  const own = of(kind);
  const peers = of("ws");
  const deliveries = sum(own.map((sample) => sample.deliveries));
  return {
    kind,
    inFlight,
    cpuUsPerDelivery: spreadOf(own.map(cost)),
    ratioToWs: spreadOf(own.map((sample, round) => cost(sample) / cost(peers[round]))),
    deliveriesPerSecond: spreadOf(own.map((sample) => (sample.deliveries / sample.wallMs) * 1_000)),
    bytesPerDelivery: sum(own.map(({ bytes }) => bytes)) / deliveries,
    loadBusy: spreadOf(own.map(({ idleMs, wallMs }) => 1 - idleMs / wallMs)),
    deliveries,
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Not a number where there is nothing to compare with. */
function cost(sample: Sample | undefined): number {
  return sample === undefined ? Number.NaN : sample.serverUs / sample.deliveries;
}
