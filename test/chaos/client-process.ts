/**
 * Some applications in one process, as the SDK's users run them: `client-process <config>`. Takes orders over IPC, and
 * may be killed at any time.
 */
import { SeededRandom } from "../support/seeded-random.ts";
import type { ClientConfig, ClientOrder, ClientReport } from "./client-config.ts";
import { Publisher } from "./publisher.ts";
import { Subscriber } from "./subscriber.ts";

/** The time between two reports of counts, in milliseconds. */
const COUNTS_MS = 500;
/** The longest time that a slow process stands still, in milliseconds. */
const STILL_MS = 2_000;
/** Outcomes that have not come by then will not come, in milliseconds. */
const SETTLE_MS = 45_000;

const config = JSON.parse(process.argv[2] ?? "{}") as ClientConfig;
const random = new SeededRandom(config.seed);
const publishers = Array.from(
  { length: config.publishers },
  (_, index) => new Publisher(config, `p${index}`, new SeededRandom(random.below(2 ** 32))),
);
const subscribers = config.subscribers.map(
  (habit, index) => new Subscriber(config, `s${index}`, habit, new SeededRandom(random.below(2 ** 32))),
);

function say(report: ClientReport): void {
  process.send?.(report);
}

function count(): void {
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  say({
    report: "counts",
    counts: {
      published: sum(publishers.map(({ published }) => published)),
      acknowledged: sum(publishers.map(({ acknowledged }) => acknowledged)),
      delivered: sum(subscribers.map(({ delivered }) => delivered)),
    },
  });
}

const counting = setInterval(count, COUNTS_MS);
let standing: NodeJS.Timeout | undefined;

/** Stands still as a program does that computes: no byte is read meanwhile. */
function standStill(): void {
  standing = setTimeout(
    () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STILL_MS * random.next());
      standStill();
    },
    2 * STILL_MS * random.next(),
  );
}
if (config.isSlow) standStill();

async function settle(): Promise<void> {
  clearTimeout(standing);
  for (const publisher of publishers) publisher.stop();
  for (const subscriber of subscribers) subscriber.rest();
  const pending = (): number => publishers.reduce((total, publisher) => total + publisher.pending, 0);
  const deadlineMs = performance.now() + SETTLE_MS;
  while (pending() > 0 && performance.now() < deadlineMs) {
    await new Promise((resolve) => void setTimeout(resolve, 20));
  }
  const left = pending();
  for (const publisher of publishers) publisher.close();
  say({ report: "settled", pending: left });
}

async function gather({ timeoutMs }: ClientOrder & { order: "gather" }): Promise<void> {
  await Promise.all(subscribers.map((subscriber) => subscriber.gather(timeoutMs)));
  say({ report: "gathered", names: subscribers.map(({ name }) => name) });
}

async function finish({ tops, hall, timeoutMs }: ClientOrder & { order: "finish" }): Promise<void> {
  await Promise.all(subscribers.map((subscriber) => subscriber.finish(tops, hall, timeoutMs)));
  clearInterval(counting);
  count();
  say({ report: "finished" });
}

process.on("message", (order: ClientOrder) => {
  if (order.order === "settle") void settle();
  else if (order.order === "gather") void gather(order);
  else void finish(order);
});
// Whoever started it is gone, or has read that it has finished.
process.on("disconnect", () => process.exit(0));
