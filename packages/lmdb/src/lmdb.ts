import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { loopback, type Backplane, type BackplaneContext, type OpenBackplane } from "@carillon/server/backplane";
import { ByteWriter } from "./bytes.ts";
import { isForWantOfRoom } from "./commit-failure.ts";
import { ChannelTable, type StoreParts } from "./channel-table.ts";
import { EntryEnds } from "./entry-ends.ts";
import { Environment } from "./environment.ts";
import { lastCommit } from "./data-file.ts";
import { checkFolder, DATA_FILE, diskFull, markFolder, newerFormat } from "./folder.ts";
import { decodeStoreHead, encodeStoreHead, type StoreHead } from "./head-codec.ts";
import { IdMemory } from "./id-memory.ts";
import { FORMAT, STORE_KEY } from "./layout.ts";
import { LmdbChannels } from "./lmdb-channels.ts";
import { LmdbTickets } from "./lmdb-tickets.ts";
import { StateStore } from "./state-store.ts";
import { damaged, StoreError } from "./store-error.ts";
import { StoreState } from "./store-state.ts";
import { Sweeper } from "./sweeper.ts";
import { WriteQueue } from "./write-queue.ts";

/** Where the store is. */
export interface LmdbOptions {
  /** A folder for it alone; it is made if it is not there. On a local disk: LMDB does not work over a network. */
  readonly path: string;
}

/**
 * The backplane of one server that keeps everything in a folder: logs, states, credentials, revocations and the memory
 * of publication ids. Nothing is acknowledged, delivered or readable before it is synced to disk. Opening fails with a
 * {@link StoreError} whose sentence says what to do.
 *
 * @example
 * createCarillon({ contract, user, backplane: lmdb({ path: "./data" }), authorize });
 */
export function lmdb({ path }: LmdbOptions): Backplane {
  const folder = resolve(path);
  return {
    name: "lmdb",
    open: (context, done) => {
      void answer(openStore(folder, context), done);
    },
  };
}

/** Hands over what was opened, or the error that says why not. */
async function answer(
  opening: Promise<OpenBackplane>,
  done: (backplane: OpenBackplane | Error) => void,
): Promise<void> {
  const [opened] = await Promise.allSettled([opening]);
  if (opened.status === "fulfilled") done(opened.value);
  else done(opened.reason instanceof Error ? opened.reason : new Error(String(opened.reason)));
}

/** How long to watch a folder that looks damaged for somebody who writes to it. */
const WATCH_MS = 250;

async function openStore(path: string, context: BackplaneContext): Promise<OpenBackplane> {
  await inspect(path);
  const environment = openEnvironment(path);
  try {
    const head = nextHead(environment, context);
    await environment.claim();
    const writer = new ByteWriter();
    await environment.commit([{ key: STORE_KEY, value: encodeStoreHead(writer, head) }]);
    markFolder(path);
    return await start(environment, head, writer, context);
  } catch (error) {
    await environment.close();
    throw asStoreError(error, path);
  }
}

/** Makes sure that the folder can be used. What looks damaged may only be in use. */
async function inspect(path: string): Promise<void> {
  const data = join(path, DATA_FILE);
  const before = lastCommit(data);
  try {
    checkFolder(path);
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== "damaged") throw error;
    await wait(WATCH_MS);
    if (before === lastCommit(data)) throw error;
    const message = `The folder ${path} is being written to by another process. A folder belongs to one server.`;
    throw new StoreError("in_use", message, { cause: error });
  }
}

function openEnvironment(path: string): Environment {
  try {
    return new Environment(path);
  } catch (error) {
    throw asStoreError(error, path);
  }
}

function asStoreError(error: unknown, path: string): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (/MDB_(?:CORRUPTED|PAGE_NOTFOUND)/.test(message)) return damaged(`LMDB can't read ${path}`, error);
  if (isForWantOfRoom(error, path)) return diskFull(path, error);
  return new StoreError("inaccessible", `LMDB can't open ${path}: ${message}`, { cause: error });
}

/** The head of the store for this start of the server. */
function nextHead(environment: Environment, { ports }: BackplaneContext): StoreHead {
  const value = environment.get(STORE_KEY);
  if (value === undefined) {
    return { format: FORMAT, idsEpoch: ports.id(), secret: ports.id(), boot: 1, numbers: 0, credentials: 0 };
  }
  const head = decodeStoreHead(value);
  if (head.format > FORMAT) throw newerFormat(head.format);
  return { ...head, boot: head.boot + 1 };
}

async function start(
  environment: Environment,
  head: StoreHead,
  writer: ByteWriter,
  context: BackplaneContext,
): Promise<OpenBackplane> {
  const { ports, limits, logger, faults, sink } = context;
  const queue = new WriteQueue(environment, ports, logger, (isAvailable) => sink.available(isAvailable));
  const parts: StoreParts = { environment, queue, writer, state: new StoreState(head, queue, writer), ports };
  const table = new ChannelTable(parts);
  const ids = new IdMemory(parts, faults, { windowMs: limits.idempotencyWindowMs, entries: limits.idempotencyEntries });
  // The ids were read from all over the file, and nothing else has been started yet.
  await environment.reopen();
  const bounds = { entries: limits.stateEntries, journal: limits.stateJournal };
  const ends: EntryEnds = new EntryEnds({
    ...parts,
    table,
    logger,
    states: () => states,
    announce: (channel, applied) => channels.announce(channel, applied),
  });
  const states = new StateStore(parts, table, bounds, (atMs) => ends.endsAt(atMs));
  const channels = new LmdbChannels({ ...parts, table, ids, states, context });
  const tickets = new LmdbTickets(parts, limits.tickets);
  const { logs } = channels;
  const sweeper = new Sweeper({
    ...parts,
    table,
    ids,
    tickets,
    logs,
    states,
    logger,
    journalTtlMs: limits.resumeTtlMs,
  });
  ends.start(limits.graceMs);
  sweeper.start();
  return {
    channels,
    tickets,
    control: loopback(context),
    close: (done) => {
      sweeper.close();
      ends.close();
      // What was asked for before is written, and answered, before the files are closed.
      queue.close(() => {
        channels.close();
        void settled(environment.close(), done);
      });
    },
  };
}

/** Calls `done` when the work has ended, well or not: there is nothing left to do about it. */
async function settled(work: Promise<unknown>, done: () => void): Promise<void> {
  await Promise.allSettled([work]);
  done();
}
