/**
 * An lmdb store in a process of its own, to be killed: `store-process.ts <folder>`. Takes orders over IPC, and has no
 * more to lose than a server has: what it was asked and did not answer.
 */
import type { AppendResult, ChannelOptions } from "@carillon/server/backplane";
import { lmdb } from "@carillon/lmdb";
import { appendAll, appendRequest, DEFAULT_LIMITS, systemPorts } from "@carillon/server/testing";

/** What may be asked. Answers carry the number of their order. */
export type StoreOrder =
  /** Publish these ids in one batch, each under its idempotency key. */
  | { readonly order: "publish"; readonly number: number; readonly ids: readonly string[] }
  /** All ids of the log, in order, each with its position. */
  | { readonly order: "read"; readonly number: number };

/** Where a publication is, and when it came; or why it isn't. */
export type Placed = readonly [pos: string, at: number, isDuplicate: boolean] | string;

/** What is answered. */
export type StoreAnswer =
  | { readonly answer: "open" }
  | { readonly answer: "refused"; readonly message: string }
  | { readonly answer: "published"; readonly number: number; readonly results: readonly Placed[] }
  | { readonly answer: "read"; readonly number: number; readonly ids: readonly string[]; readonly top: string };

const LOG: ChannelOptions = { kind: "log", historySize: 1e9, historyTtlMs: 1e9, ttlMs: 0, owned: false };
const CHANNEL = "chat:lobby";

function say(answer: StoreAnswer): void {
  process.send?.(answer);
}

function placed(result: AppendResult): Placed {
  return result.ok ? [result.pos, result.at, result.duplicate] : result.code;
}

const ignore = (): void => {};
const context = {
  ports: systemPorts(),
  // Retries of a long test are within the window, whatever the machine is busy with.
  limits: { ...DEFAULT_LIMITS, idempotencyWindowMs: 3_600_000 },
  logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
  faults: new Set<never>(),
  sink: { deliver: ignore, suspect: ignore, available: ignore, ownershipLost: ignore },
  onControl: ignore,
};

lmdb({ path: process.argv[2] ?? "" }).open(context, (opened) => {
  if (opened instanceof Error) return say({ answer: "refused", message: opened.message });
  const { channels } = opened;
  process.on("message", (order: StoreOrder) => {
    if (order.order === "publish") publish(order.number, order.ids);
    else read(order.number, "the beginning", []);
  });
  process.on("disconnect", () => process.exit(0));

  function publish(number: number, ids: readonly string[]): void {
    const requests = ids.map((id) => {
      const idempotency = { scope: "i:test", fingerprint: id, resend: null };
      return appendRequest({ channel: CHANNEL, options: LOG, id, idempotency });
    });
    void appendAll(channels, requests).then((results) =>
      say({ answer: "published", number, results: results.map(placed) }),
    );
  }

  function read(number: number, after: string, ids: string[]): void {
    channels.read({ channel: CHANNEL, options: LOG, after, bounds: { items: 10_000, bytes: 1e9 } }, (page) => {
      if (!page.ok) throw new Error(page.message);
      for (const record of page.value.records) ids.push("id" in record ? record.id : record.key);
      const { pos, atTop } = page.value;
      if (atTop) say({ answer: "read", number, ids, top: pos });
      else read(number, pos, ids);
    });
  }

  say({ answer: "open" });
});
