/**
 * Many applications in one process, each with the SDK as it ships: `crowd-process <config>`. Takes orders over IPC, and
 * may be killed at any time.
 */
import { SeededRandom } from "../support/seeded-random.ts";
import { Balancer } from "./balancer.ts";
import { CrowdClient } from "./crowd-client.ts";
import type { CrowdConfig, CrowdFindings, CrowdOrder, CrowdReport } from "./crowd-config.ts";

/** Clients that connect at once, while the crowd comes together. */
const AT_ONCE = 32;
/** What has not come by then will not come, in milliseconds. */
const SETTLE_MS = 20_000;
const LOOK_MS = 50;
/** Sentences that are told of. */
const EXAMPLES_MAX = 5;

const config = JSON.parse(process.argv[2] ?? "{}") as CrowdConfig;
const { ports, preferred, channels } = config;
const balancer = new Balancer({ ports, preferred, random: new SeededRandom(config.seed) });
const clients: CrowdClient[] = [];

function say(report: CrowdReport): void {
  process.send?.(report);
}

async function open(): Promise<void> {
  let next = 0;
  const openSome = async (): Promise<void> => {
    while (next < config.count) {
      const number = config.first + next++;
      const client = new CrowdClient(`m${number}`, channels[number % channels.length] ?? "", balancer);
      clients.push(client);
      await client.open(config.areMembers);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, openSome));
  say({ report: "open" });
}

/** The clients of a channel publish one after the other, so that something is always coming. */
function publish(): void {
  const { publishMs, perChannel } = config;
  if (publishMs === 0) return;
  for (const [index, client] of clients.entries()) {
    const place = Math.floor((config.first + index) / channels.length);
    const phase = (place / perChannel) * publishMs;
    client.publishEvery(publishMs, (phase - (Date.now() % publishMs) + publishMs) % publishMs);
  }
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + SETTLE_MS;
  while (!isSo() && performance.now() < end) await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
}

const pending = (): number => clients.reduce((sum, client) => sum + client.pending, 0);

async function settle(): Promise<void> {
  for (const client of clients) client.settle();
  await until(() => pending() === 0);
  say({ report: "settled", pending: pending() });
}

/** How what one client was told compares with what is stored: everything, once, in its order. */
function compare({ name, channel, ids, gaps, acknowledged }: CrowdClient, stored: readonly string[]) {
  const told = new Set(ids);
  const kept = new Set(stored);
  const missing = stored.filter((id) => !told.has(id));
  const unstored = acknowledged.filter((id) => !kept.has(id));
  const once = [...told];
  const order = stored.filter((id) => told.has(id));
  const reordered = order.filter((id, index) => once[index] !== id).length;
  const lost = missing.length + unstored.length + gaps;
  const repeated = ids.length - told.size;
  const isFine = lost === 0 && repeated === 0 && reordered === 0;
  const example = `${name} of ${channel}: ${missing.length} missing (${missing.slice(0, 3).join(", ")}), ${unstored.length} acknowledged and not stored, ${gaps} gaps, ${repeated} repeated, ${reordered} reordered`;
  return { lost, repeated, reordered, examples: isFine ? [] : [example] };
}

async function judge(logs: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const logOf = ({ channel }: CrowdClient): readonly string[] => logs[channel] ?? [];
  await until(() => clients.every((client) => client.ids.length >= logOf(client).length));
  const verdicts = clients.map((client) => compare(client, logOf(client)));
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  const failed: Record<string, number> = {};
  for (const code of clients.flatMap((client) => client.failed)) failed[code] = (failed[code] ?? 0) + 1;
  const findings: CrowdFindings = {
    delivered: sum(clients.map(({ ids }) => ids.length)),
    lost: sum(verdicts.map(({ lost }) => lost)),
    repeated: sum(verdicts.map(({ repeated }) => repeated)),
    reordered: sum(verdicts.map(({ reordered }) => reordered)),
    examples: verdicts.flatMap(({ examples }) => examples).slice(0, EXAMPLES_MAX),
    published: sum(clients.map(({ published }) => published.length)),
    acknowledged: sum(clients.map(({ acknowledged }) => acknowledged.length)),
    failed,
    absences: clients.flatMap(({ absences }) => absences),
  };
  say({ report: "judged", ...findings });
}

process.on("message", (order: CrowdOrder) => {
  if (order.order === "open") void open();
  else if (order.order === "publish") publish();
  else if (order.order === "settle") void settle();
  else void judge(order.logs);
});
// Whoever started it is gone, or has read what it wanted.
process.on("disconnect", () => process.exit(0));
