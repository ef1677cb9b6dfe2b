import type { connect } from "@carillon/client";
import type { Fault } from "@carillon/server/testing";
import { connectWith } from "./patched-client.ts";

/** A fault that a control plants, and the promise that it breaks. */
export interface PlantedFault {
  readonly name: string;
  readonly breaks: string;
  /** It can be planted in a model of a broker only, or over a real one only. Default: in both. */
  readonly needs?: "model" | "real";
  /** In the server, or in the store: a member of the server's own list. */
  readonly server?: Fault;
  /** In the SDK: a piece of its source, which stands there exactly once, and what takes its place. */
  readonly client?: { readonly file: string; readonly piece: string; readonly instead: string };
}

/** The controls: the simulator is worth what it finds of these. */
export const PLANTED_FAULTS: readonly PlantedFault[] = [
  { name: "no-dedup", breaks: "P3", server: "no-dedup" },
  { name: "ack-before-append", breaks: "P2", server: "ack-before-append" },
  { name: "visible-before-durable", breaks: "P2", server: "visible-before-durable", needs: "model" },
  { name: "no-catching-up", breaks: "P4", server: "no-catching-up" },
  { name: "hidden-hole", breaks: "P4", server: "hidden-hole" },
  { name: "no-tag-check", breaks: "P5", server: "no-tag-check" },
  { name: "no-silence-watch", breaks: "P6", server: "no-silence-watch" },
  { name: "no-restoring", breaks: "presence", server: "no-restoring" },
  // Over a real broker, no store has room for it.
  { name: "no-session-order", breaks: "order of entries", server: "no-session-order", needs: "model" },
  {
    name: "publish-queue-reorder",
    breaks: "P1",
    client: {
      file: "publish-queue.ts",
      piece: "if (!lane.isHeld || lane.inFlight || this.#timers.has(lane.channel)) return;",
      instead: "if (!lane.isHeld || this.#timers.has(lane.channel)) return;",
    },
  },
  {
    name: "missed-wake-up",
    breaks: "P3",
    client: { file: "instance.ts", piece: "    this.queue.connected();\n", instead: "" },
  },
];

/** The fault of that name; throws for none. */
export function plantedFault(name: string): PlantedFault {
  const fault = PLANTED_FAULTS.find((each) => each.name === name);
  if (fault !== undefined) return fault;
  const names = PLANTED_FAULTS.map((each) => each.name).join(", ");
  throw new Error(`Expected one of ${names} after --fault, got ${name}.`);
}

/** What a run with a fault is made with. */
export async function subjectWith(
  name: string | null,
): Promise<{ connect: typeof connect; faults: ReadonlySet<Fault> }> {
  const fault = name === null ? null : plantedFault(name);
  const faults = new Set<Fault>(fault?.server === undefined ? [] : [fault.server]);
  return { connect: await connectWith(fault?.client ?? null), faults };
}
