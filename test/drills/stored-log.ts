import type { Follower } from "./follower.ts";

/** A log as the store has it. */
export interface StoredLog {
  /** Ids of what is retained, oldest first. */
  readonly ids: readonly string[];
  readonly pos: string;
}

/** Publications asked for at once; a server may give fewer. */
const PAGE_ITEMS = 300;

/** Reads what a log retains, page by page from its end. */
export async function readStoredLog(reader: Follower, channel: string): Promise<StoredLog> {
  const pages: string[][] = [];
  let top = "";
  for (let before: object = {}; ;) {
    const { items, pos, prev, more } = await reader.command({ cmd: "history", channel, limit: PAGE_ITEMS, ...before });
    if (pages.length === 0) top = String(pos);
    pages.push((items as readonly { readonly id: string }[]).map(({ id }) => id));
    if (more !== true) return { ids: pages.reverse().flat(), pos: top };
    before = { before: prev };
  }
}

/** Where a log ends. */
export async function readTop(reader: Follower, channel: string): Promise<string> {
  const { pos } = await reader.command({ cmd: "history", channel, limit: 1 });
  return String(pos);
}
