import type { ChannelOptions } from "@carillon/server/backplane";
import type { Block, CarriedEntry, LogBlock, RememberedId, Segment, StateBlock, StoredEntry } from "./block.ts";
import type { Chain, ChainContext } from "./chain.ts";
import type { ChannelContext } from "./channel.ts";
import type { Drafter } from "./drafter.ts";
import type { LogReplica } from "./log-replica.ts";
import type { StateReplica } from "./state-replica.ts";
import { Trouble } from "./store-error.ts";

/** Messages that nobody needs before they are deleted: a purge costs NATS more than an append. */
const OBSOLETE_MIN = 64;
/** Attempts of the channel's own work before it is left for later. */
const ATTEMPTS = 20;
/** Entries that end in one block: a key has up to 128 characters. */
const ENDED_MAX = 1_000;
/** Remembered ids, or carried entries, in one block. */
const CARRIED_MAX = 1_000;

/** The work on a channel that nobody asks for: ends of entries, deletion of what is over, erasure on disk, a new life. */
export class Upkeep {
  readonly #chain: Chain;
  readonly #stream: ChainContext["stream"];
  readonly #subject: string;
  readonly #context: ChannelContext;
  readonly #drafter: Drafter;

  constructor(chain: Chain, { stream, subject }: ChainContext, context: ChannelContext, drafter: Drafter) {
    this.#chain = chain;
    this.#stream = stream;
    this.#subject = subject;
    this.#context = context;
    this.#drafter = drafter;
  }

  /** Ends the entries whose time is over. */
  async expire(): Promise<void> {
    const now = this.#context.now();
    const { replica } = this.#chain;
    if (replica?.kind !== "state" || (replica.nextEnd ?? Infinity) > now) return;
    await this.endWhere(({ ends }) => ends !== 0 && ends <= now);
  }

  /** Ends what dead nodes have left behind. */
  async reap(): Promise<void> {
    const { isDead } = this.#context;
    const { replica } = this.#chain;
    if (replica?.kind !== "state" || !replica.nodes.some((node) => isDead(node))) return;
    await this.endWhere((entry) => entry.owner !== null && isDead(entry.node), true);
  }

  /**
   * Ends entries, each by an ordered removal, so many in a block that NATS takes it. Whichever node is first does it; the
   * others find nothing left to end.
   */
  async endWhere(isOver: (entry: StoredEntry) => boolean, isReaped: boolean = false): Promise<void> {
    const options = { isReaped, max: ENDED_MAX };
    const draft = (): Block | null => {
      const { replica } = this.#chain;
      return replica?.kind === "state" ? this.#drafter.ends(replica, isOver, options) : null;
    };
    while (await this.#store(draft));
  }

  /** Writes the head of a log anew. */
  async renewHead(): Promise<void> {
    await this.#store(() => {
      const { replica } = this.#chain;
      return replica?.kind === "log" ? this.#logBlock(replica, [], []) : null;
    });
  }

  /**
   * Takes erased payloads off the disk: what else is in the messages that hold them is stored again, without them, and
   * the messages are deleted and overwritten.
   */
  async clean(): Promise<void> {
    const { replica } = this.#chain;
    if (replica?.kind !== "log") return;
    for (const seq of Array.from(replica.dirty)) {
      const kept = await this.#chain.blockAt(seq);
      if (kept?.kind === "log") {
        const carried = kept.epoch === replica.place.epoch ? blanked(kept, replica) : [];
        const isNeeded = carried.length > 0 || kept.ids.length > 0;
        if (isNeeded)
          await this.#store(() =>
            this.#chain.replica === replica ? this.#logBlock(replica, carried, kept.ids) : null,
          );
        if (this.#chain.replica !== replica) return;
        // The last message is the channel's head; it is never one of these, since the erasure came after it.
        if (seq < replica.seq) await (await this.#stream()).delete(seq);
      }
      replica.physical.delete(seq);
      replica.dirty.delete(seq);
    }
  }

  /** Begins a new life of the channel and deletes everything of the old one. Resolves to the new top. */
  async remove(): Promise<string> {
    await this.#chain.freshen();
    await this.#chain.makeWhole();
    const firstKept = await this.#carryIds();
    await this.#store(() => this.#chain.birth(this.#chain.replica?.nonce ?? ""));
    const { replica } = this.#chain;
    if (replica === null) throw new Trouble("unavailable", "The channel changed too fast to be removed.");
    const before = Math.min(firstKept ?? replica.seq, replica.seq);
    await (await this.#stream()).purge(this.#subject, before);
    if (replica.kind === "log") replica.physical.deleteBefore(before);
    else replica.messages = 1;
    return replica.top;
  }

  /** Deletes messages that nobody needs any more, once there are enough of them. */
  async afterCommit(options: ChannelOptions): Promise<void> {
    const { replica } = this.#chain;
    if (replica?.kind === "state") {
      const { stateJournal } = this.#context.backplane.limits;
      if (replica.messages > 2 * stateJournal + OBSOLETE_MIN) await this.#compact(replica);
      return;
    }
    if (replica === null || !replica.isWhole) return;
    replica.trim(options);
    const before = this.#context.now() - this.#context.ids.windowMs;
    const { count, firstKept } = replica.physical.obsolete(replica.place.offset - replica.size, before);
    if (count < OBSOLETE_MIN) return;
    replica.physical.deleteBefore(firstKept);
    this.#purge(firstKept).catch((error: unknown) => {
      this.#context.backplane.logger.debug("Old messages are deleted later.", { error: String(error) });
    });
  }

  /** Entries that are stored before the journal begins are stored again behind it, and what is before it is deleted. */
  async #compact(replica: StateReplica): Promise<void> {
    const { firstKept, entries } = replica.leftBehind();
    replica.messages = 0;
    for (let start = 0; start < entries.length; start += CARRIED_MAX) {
      const carried = entries
        .slice(start, start + CARRIED_MAX)
        .filter(({ key, version }) => replica.held(key)?.record.version === version);
      // If another node was first there is a next time.
      if (carried.length > 0 && !(await this.#chain.append(this.#stateBlock(replica, carried)))) return;
    }
    await this.#purge(firstKept);
  }

  async #purge(before: number): Promise<void> {
    await (await this.#stream()).purge(this.#subject, before);
  }

  /** Ids are remembered over a removal, too. Resolves to the first message that holds some; null if there are none. */
  async #carryIds(): Promise<number | null> {
    const { replica } = this.#chain;
    if (replica?.kind !== "log") return null;
    const now = this.#context.now();
    const ids = [...replica.ids.values()].filter(({ at }) => at + this.#context.ids.windowMs > now);
    let first: number | null = null;
    for (let start = 0; start < ids.length; start += CARRIED_MAX) {
      const part = ids.slice(start, start + CARRIED_MAX);
      await this.#store(() => {
        const { replica: present } = this.#chain;
        return present?.kind === "log" ? this.#logBlock(present, [], part) : null;
      });
      first ??= this.#chain.replica?.seq ?? null;
    }
    return first;
  }

  /** Stores what `draft` makes, again and again until it is stored (true), or there is nothing left to do (false). */
  async #store(draft: () => Block | null): Promise<boolean> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const block = draft();
      if (block === null) return false;
      if (await this.#chain.append(block)) return true;
      await this.#chain.freshen();
    }
    throw new Trouble("unavailable", "The channel changed too fast.");
  }

  #logBlock(replica: LogReplica, carried: readonly Segment[], ids: readonly RememberedId[]): LogBlock {
    const nonce = this.#context.backplane.ports.id();
    const { epoch, offset, tag } = replica.place;
    const at = Math.max(this.#context.now(), replica.at);
    const own = { nonce, offset, tag, records: [] };
    return { kind: "log", epoch, nonce, after: replica.nonce, at, isBirth: false, own, carried, ids };
  }

  #stateBlock(replica: StateReplica, carried: readonly CarriedEntry[]): StateBlock {
    const nonce = this.#context.backplane.ports.id();
    const { epoch, offset, tag } = replica.place;
    const at = Math.max(this.#context.now(), replica.at);
    const common = { epoch, nonce, after: replica.nonce, at, isBirth: false };
    return { kind: "state", ...common, offset, tag, refreshes: [], changes: [], carried };
  }
}

/** The stretches of a block as their records read now: what was erased, or is not retained, has no payload. */
function blanked({ own, carried }: LogBlock, replica: LogReplica): Segment[] {
  return [own, ...carried]
    .filter(({ records }) => records.length > 0)
    .map((part) => ({
      ...part,
      records: part.records.map(({ record, key }, index) => {
        const { data, version } = replica.recordAt(part.offset + 1 + index) ?? { data: null, version: record.version };
        return { record: { ...record, data, version }, key };
      }),
    }));
}
