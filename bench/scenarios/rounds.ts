import type { LoadReport } from "../harness/load.ts";
import { Subject } from "../harness/subject.ts";
import type { Peer, Purpose } from "../peers/peer.ts";
import type { Context, Row, Sample } from "./scenario.ts";

/** Samples of peers, round by round. One that failed or fell behind takes no further part. */
class Field {
  readonly #samples = new Map<Peer, Sample[]>();

  add(peer: Peer, sample: Sample): void {
    this.#samples.set(peer, [...(this.#samples.get(peer) ?? []), sample]);
  }

  isOut(peer: Peer): boolean {
    return (this.#samples.get(peer) ?? []).some(({ failure, behind }) => (failure ?? behind) !== undefined);
  }

  rows(peers: readonly Peer[]): Row[] {
    return peers.map((peer) => {
      const samples = this.#samples.get(peer) ?? [];
      const failure = samples.find((sample) => sample.failure !== undefined)?.failure;
      const behind = samples.find((sample) => sample.behind !== undefined)?.behind;
      return {
        peer: peer.name,
        samples,
        ...(failure === undefined ? {} : { failure }),
        ...(behind === undefined ? {} : { behind }),
      };
    });
  }
}

/** How a scenario with standing servers opens and measures. */
export interface Standing {
  readonly purpose: Purpose;
  readonly open: (subject: Subject) => Promise<void>;
  readonly sample: (subject: Subject) => Promise<Sample>;
}

/**
 * All servers stand at the same time, each in a process of its own, and take turns, in one order and then in the other, so that whatever
 * else the machine does falls on all of them. Round 0 warms up, and is not measured.
 */
export async function standing({ bench, peers, rounds }: Context, { purpose, open, sample }: Standing): Promise<Row[]> {
  const field = new Field();
  const subjects: Subject[] = [];
  try {
    for (const peer of peers) {
      const problem = await attempt(async () => {
        const subject = await Subject.start(peer, purpose, bench);
        subjects.push(subject);
        await open(subject);
      });
      if (problem !== null) field.add(peer, { figures: {}, failure: problem });
    }
    for (let round = 0; round <= rounds; round++) {
      for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse()) {
        if (field.isOut(subject.peer)) continue;
        const taken = await sampled(() => sample(subject));
        if (round > 0 || taken.failure !== undefined || taken.behind !== undefined) field.add(subject.peer, taken);
      }
    }
    return field.rows(peers);
  } finally {
    for (const subject of subjects) await subject[Symbol.asyncDispose]();
  }
}

/** Each measurement has a server of its own, started for it. Peers take turns. */
export async function fresh(
  { bench, peers }: Context,
  rounds: number,
  purpose: (peer: Peer) => Purpose,
  sample: (subject: Subject) => Promise<Sample>,
): Promise<Row[]> {
  const field = new Field();
  for (let round = 0; round < rounds; round++) {
    for (const peer of round % 2 === 0 ? peers : [...peers].reverse()) {
      if (field.isOut(peer)) continue;
      const taken = await sampled(async () => {
        await using subject = await Subject.start(peer, purpose(peer), bench);
        return await sample(subject);
      });
      field.add(peer, taken);
    }
  }
  return field.rows(peers);
}

/** All at the same time, once: for loads so light that they don't disturb each other, and so long that turns would take too long. */
export async function together(
  { bench, peers }: Context,
  purpose: Purpose,
  sample: (subject: Subject) => Promise<Sample>,
): Promise<Row[]> {
  const field = new Field();
  await Promise.all(
    peers.map(async (peer) => {
      const taken = await sampled(async () => {
        await using subject = await Subject.start(peer, purpose, bench);
        return await sample(subject);
      });
      field.add(peer, taken);
    }),
  );
  return field.rows(peers);
}

/** What of a report is no fault: what the scenario provokes, or the server never promised. */
export interface Excuses {
  readonly mayLose?: boolean;
  readonly mayRepeat?: boolean;
  /** Several publishers send to one channel, so that numbers need not come in their order. */
  readonly mayMix?: boolean;
  /** Subscribers may get the messages of several publishers in different orders. */
  readonly mayDisagree?: boolean;
}

/** What was wrong with what came, as a sentence; undefined if nothing was. */
export function faultOf(report: LoadReport, excuses: Excuses = {}): string | undefined {
  const { mayLose = false, mayRepeat = false, mayMix = false, mayDisagree = false } = excuses;
  const faults = [
    { name: "lost", text: "deliveries were lost", isExcused: mayLose },
    { name: "duplicates", text: "came twice", isExcused: mayRepeat },
    { name: "outOfOrder", text: "came after a later one", isExcused: mayMix },
    { name: "disagreeing", text: "orders differ between subscribers", isExcused: mayDisagree || mayLose },
    { name: "broken", text: "connections or messages were broken", isExcused: false },
  ];
  const found = faults
    .filter(({ name, isExcused }) => !isExcused && report.number(name) > 0)
    .map(({ name, text }) => `${report.number(name)} ${text}`);
  if (found.length === 0) return undefined;
  return [...found, ...report.problems.slice(0, 1)].join("; ");
}

async function sampled(take: () => Promise<Sample>): Promise<Sample> {
  try {
    return await take();
  } catch (error) {
    return { figures: {}, failure: error instanceof Error ? error.message : String(error) };
  }
}

async function attempt(act: () => Promise<void>): Promise<string | null> {
  const sample = await sampled(async () => {
    await act();
    return { figures: {} };
  });
  return sample.failure ?? null;
}
