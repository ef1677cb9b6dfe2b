/** The load generator, in a process of its own: connects swarms and runs them when told to, over IPC. */
import type { LoadOrder, LoadReport, ServerKind } from "../messages.ts";
import { Swarm } from "./swarm.ts";

const NOTHING: LoadReport = { deliveries: 0, bytes: 0, wallMs: 0, idleMs: 0, problems: [] };
const swarms = new Map<ServerKind, Swarm>();

async function carryOut(order: LoadOrder): Promise<LoadReport> {
  const { kind } = order;
  if (order.order === "connect") {
    const swarm = new Swarm(kind);
    swarms.set(kind, swarm);
    await swarm.connect(order.port, order.subscribers);
    return NOTHING;
  }
  const swarm = swarms.get(kind);
  if (swarm === undefined) throw new Error(`Expected a swarm of ${kind}; connect it first.`);
  const { items, itemBytes } = swarm;
  const startMs = performance.now();
  const report = await swarm.run(order.messages, order.inFlight);
  const wallMs = performance.now() - startMs;
  return { ...report, wallMs, deliveries: swarm.items - items, bytes: swarm.itemBytes - itemBytes };
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
process.send?.(NOTHING);
