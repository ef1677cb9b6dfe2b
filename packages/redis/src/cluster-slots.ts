import type { Redis } from "ioredis";
import { BUCKETS } from "./keys.ts";
import { listOf } from "./reply.ts";

const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;

/** The slot of Redis Cluster for what stands in braces: CRC-16/XMODEM. Asked once per bucket, so it needs no table. */
function slotOf(text: string): number {
  let crc = 0;
  for (const byte of Buffer.from(text)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0)) & 0xffff;
  }
  return crc % SLOTS;
}

const SLOT_OF_BUCKET: readonly number[] = Array.from({ length: BUCKETS }, (_, bucket) => slotOf(String(bucket)));

/** Asks a server of a cluster who serves what. Answers with `host:port` for each bucket, "" where nobody does. */
export async function askForShards(redis: Redis, ownHost: string): Promise<readonly string[]> {
  const reply: unknown = await redis.call("CLUSTER", "SLOTS");
  const slots: string[] = Array.from({ length: SLOTS }, () => "");
  for (const range of listOf(reply)) {
    const [start, end, server] = listOf(range);
    const [host, port] = listOf(server);
    // A server that knows no address of its own is the one that was asked.
    const name = typeof host === "string" && host !== "" ? host : ownHost;
    slots.fill(`${name}:${Number(port)}`, Number(start), Number(end) + 1);
  }
  return SLOT_OF_BUCKET.map((slot) => slots[slot] ?? "");
}
