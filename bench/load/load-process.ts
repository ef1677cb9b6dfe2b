/** The load generator, in a process of its own: connects swarms and runs them when told to, over IPC. */
import type { LoadOrder, LoadReport, ServerKind } from "../messages.ts";
import { Swarm } from "./swarm.ts";

const swarms = new Map<ServerKind, Swarm>();

function cpuUs(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function carryOut(order: LoadOrder): Promise<LoadReport> {
  const before = { wallMs: performance.now(), cpuUs: cpuUs() };
  const problems: string[] = [];
  let deliveries = 0;
  let bytes = 0;
  if (order.order === "connect") {
    const swarm = new Swarm(order.kind);
    swarms.set(order.kind, swarm);
    await swarm.connect(order.port, order.subscribers);
  } else {
    const swarm = swarms.get(order.kind);
    if (swarm === undefined) throw new Error(`Expected a swarm of ${order.kind}; connect it first.`);
    deliveries = -swarm.items;
    bytes = -swarm.itemBytes;
    problems.push(...(await swarm.run(order.messages, order.inFlight)));
    deliveries += swarm.items;
    bytes += swarm.itemBytes;
  }
  return { deliveries, bytes, wallMs: performance.now() - before.wallMs, cpuUs: cpuUs() - before.cpuUs, problems };
}

process.on("message", (order: LoadOrder) => {
  carryOut(order).then(
    (report) => process.send?.(report),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on("disconnect", () => process.exit(0));
process.send?.({ deliveries: 0, bytes: 0, wallMs: 0, cpuUs: 0, problems: [] } satisfies LoadReport);
