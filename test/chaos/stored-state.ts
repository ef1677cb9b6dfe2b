import type { ChannelNames } from "./contract.ts";
import { openClient, type ChaosClient } from "./open-client.ts";
import type { BoardEntry, Roster, StoredBoard, StoredLog, StoredState } from "./records.ts";

/** Publications asked for at once; a server may give fewer. */
const PAGE_ITEMS = 1_000;
/** A snapshot that takes longer has failed, in milliseconds. */
const SNAPSHOT_MS = 15_000;
/** Between two looks at who is there, in milliseconds. */
const ROSTER_MS = 500;

/** Reads everything that a server has, over the wire: logs page by page from their ends, boards by subscribing. */
export async function readStoredState(url: string, names: ChannelNames): Promise<StoredState> {
  const client = openClient(url, "reader");
  try {
    const logs: StoredLog[] = [];
    for (const channel of [...names.feeds, ...names.briefs]) logs.push(await readLog(client, channel));
    const boards: StoredBoard[] = [];
    for (const channel of names.boards) boards.push(await readBoard(client, channel));
    return { logs, boards };
  } finally {
    client.disconnect();
  }
}

/** Where each channel is now, by name. */
export async function readTops(url: string, names: ChannelNames): Promise<Record<string, string>> {
  const client = openClient(url, "reader");
  try {
    const tops: Record<string, string> = {};
    for (const channel of [...names.feeds, ...names.briefs]) {
      const { pos } = await client.channel(channel as "feed:0").history({ limit: 1 });
      tops[channel] = pos;
    }
    for (const channel of names.boards) tops[channel] = (await readBoard(client, channel)).pos;
    return tops;
  } finally {
    client.disconnect();
  }
}

/**
 * Asks who is in the channel until it is those who should be, or the time is over. It is read as a newcomer reads it, each
 * time anew.
 */
export async function readRoster(
  url: string,
  channel: string,
  expected: readonly string[],
  timeoutMs: number,
): Promise<Roster> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const roster = await readMembers(url, channel);
    const names = roster.members.map(([name]) => name);
    const isComplete = names.length === expected.length && expected.every((name) => names.includes(name));
    if (isComplete || performance.now() > deadlineMs) return roster;
    await new Promise((resolve) => void setTimeout(resolve, ROSTER_MS));
  }
}

async function readMembers(url: string, channel: string): Promise<Roster> {
  const client = openClient(url, "reader");
  try {
    const { presence } = client.channel(channel as "feed:0");
    const pos = await live(presence, channel);
    return { channel, pos, members: presence.members.map(({ user, info }) => [user, info.n] as const) };
  } finally {
    client.disconnect();
  }
}

async function readLog(client: ChaosClient, channel: string): Promise<StoredLog> {
  const pages: StoredLog["pages"][number][] = [];
  for (let before: string | undefined; ;) {
    const page = await client.channel(channel as "feed:0").history({ before, limit: PAGE_ITEMS });
    pages.push({ prev: page.prev, pos: page.pos, ids: page.items.map(({ id }) => id) });
    if (!page.more) break;
    before = page.prev;
  }
  pages.reverse();
  return { channel, prev: pages[0]?.prev ?? "", pos: pages.at(-1)?.pos ?? "", pages };
}

async function readBoard(client: ChaosClient, channel: string): Promise<StoredBoard> {
  const board = client.channel(channel as "board:0");
  const pos = await live(board, channel);
  const entries = [...board.entries].map(([key, { value, version }]): BoardEntry => [key, value.n, version]);
  board.unsubscribe();
  return { channel, pos, entries };
}

/** Subscribes; resolves to the position at which everything is there. */
async function live(handle: Liveable, channel: string): Promise<string> {
  return new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`No snapshot of ${channel} in time.`)), SNAPSHOT_MS);
    const remove = handle.on("live", (position) => {
      clearTimeout(timer);
      remove();
      resolve(position ?? "");
    });
  });
}

/** What either kind of handle has. */
interface Liveable {
  on(event: "live", listener: (position: string | null) => void): () => void;
}
