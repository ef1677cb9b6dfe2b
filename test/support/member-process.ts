/**
 * A node of a cluster in a process of its own, to be killed or stopped: `member-process.ts <redis|nats> <address>
 * <members>`. It sets an entry for each of so many instances in one channel, and reports when all are stored.
 */
import { nats } from "@carillon/nats";
import { redis } from "@carillon/redis";
import { openMembers } from "./members.ts";

/** What is reported: how many members were stored, by which node. */
export interface MembersReport {
  readonly members: number;
  readonly node: string;
}

async function main(kind: string, address: string, count: number): Promise<void> {
  const backplane = kind === "redis" ? redis({ url: address }) : nats({ servers: address });
  const members = await openMembers(backplane);
  const instances = Array.from({ length: count }, (_, index) => `i_${index}`);
  await members.enter(instances, "first");
  process.send?.({ members: count, node: members.node } satisfies MembersReport);
}

const [, , kind = "", address = "", count = "0"] = process.argv;
if (process.send !== undefined && (kind === "redis" || kind === "nats")) await main(kind, address, Number(count));
