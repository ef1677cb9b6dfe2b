import type { CarillonError, ChannelBase, SubscriptionChange } from "@carillon/client";
import { SeededRandom } from "../support/seeded-random.ts";
import type { ClientConfig, Habit } from "./client-config.ts";
import { JournalWriter, readJournal } from "./journal.ts";
import { openClient, type ChaosClient } from "./open-client.ts";
import { Membership } from "./membership.ts";
import type { BoardEntry, SubscriberRecord } from "./records.ts";

/** Publications that a new subscription starts back, at most. */
const HISTORY_MAX = 30;
/** Of a subscription that wandered off, one in so many starts anew instead of where it was. */
const ANEW_EVERY = 4;
/** The time between two moves of one that wanders, in milliseconds, at most. */
const MOVE_MS = 2_000;
/** The pause between two looks at where a channel stands, in milliseconds. */
const LOOK_MS = 50;

/** What this file uses of the handle of either kind of channel. */
type AnyHandle = ChannelBase & {
  on(event: "state", listener: (change: SubscriptionChange) => void): unknown;
  on(event: "error", listener: (error: CarillonError) => void): unknown;
};

/**
 * An application that follows channels and writes down everything it is told. It stores positions as it goes, and a
 * later life of it, after a kill, begins with those of the life before.
 */
export class Subscriber {
  readonly name: string;
  delivered = 0;
  readonly #client: ChaosClient;
  readonly #random: SeededRandom;
  readonly #journal: JournalWriter<SubscriberRecord>;
  readonly #logs: readonly string[];
  readonly #boards: readonly string[];
  /** The last positions that were written down. */
  readonly #stored: Map<string, string>;
  readonly #membership: Membership;
  #timer: NodeJS.Timeout | undefined;

  constructor(config: ClientConfig, role: string, habit: Habit, random: SeededRandom) {
    const { name, life, folder, channels } = config;
    this.name = `${name}.${life}.${role}`;
    this.#random = random;
    this.#logs = [...channels.feeds, ...channels.briefs];
    this.#boards = channels.boards;
    this.#stored = life === 0 ? new Map<string, string>() : storedPositions(folder, `${name}.${life - 1}.${role}`);
    this.#journal = new JournalWriter(folder, this.name);
    this.#client = openClient(config.url, this.name);
    for (const channel of this.#logs) this.#listenToLog(channel);
    for (const channel of this.#boards) this.#listenToBoard(channel);
    for (const channel of [...this.#logs, ...this.#boards]) this.#subscribe(channel);
    this.#membership = new Membership(
      this.#client,
      channels.hall,
      this.#journal,
      new SeededRandom(random.below(2 ** 32)),
    );
    if (habit === "wandering") this.#wander();
  }

  /** Comes home and stays: is connected, follows everything, is present, and says nothing new any more. */
  rest(): void {
    clearTimeout(this.#timer);
    if (this.#client.state === "disconnected") this.#comeBack();
    for (const channel of [...this.#logs, ...this.#boards]) {
      if (this.#channel(channel).state === "unsubscribed") this.#subscribe(channel);
    }
    this.#membership.rest();
  }

  /** Resolves when it is present, as far as it was told, or the time is over. */
  async gather(timeoutMs: number): Promise<void> {
    await this.#membership.settled(timeoutMs);
  }

  /**
   * Follows every channel until it is at its top, or until the time is over, and says where it stands. It stays connected:
   * others are still to see that it is there.
   */
  async finish(tops: Readonly<Record<string, string>>, hall: string, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    const isHome = (channel: string): boolean => {
      const { isLive, position } = this.#channel(channel);
      return isLive && position === tops[channel];
    };
    const isComplete = (): boolean => Object.keys(tops).every(isHome) && this.#membership.isAt(hall);
    while (!isComplete() && performance.now() < deadlineMs) {
      await new Promise((resolve) => void setTimeout(resolve, LOOK_MS));
    }
    for (const channel of [...this.#logs, ...this.#boards]) {
      const { isLive, position: pos } = this.#channel(channel);
      const isBoard = this.#boards.includes(channel);
      const entries = isBoard ? this.#entries(channel) : [];
      this.#journal.write({ what: "end", channel, pos, isLive, entries });
    }
    this.#membership.tell();
  }

  /** Logs and boards have the same handle at run time; what a name says is known to whoever made it. */
  #channel(name: string): AnyHandle {
    return this.#client.channel(name as "feed:0");
  }

  #entries(channel: string): BoardEntry[] {
    const { entries } = this.#client.channel(channel as "board:0");
    return [...entries].map(([key, { value, version }]) => [key, value.n, version]);
  }

  #subscribe(channel: string): void {
    const isLog = this.#logs.includes(channel);
    // Changes since a position are of use only to who still has the entries; they go with the subscription.
    const from = isLog ? (this.#stored.get(channel) ?? null) : null;
    const history = isLog && from === null ? this.#random.below(HISTORY_MAX) : 0;
    this.#journal.write({ what: "subscribe", channel, from, history });
    void this.#channel(channel).subscribe(from === null ? { history } : { position: from });
  }

  #listenToLog(name: string): void {
    const channel = this.#client.channel(name as "feed:0");
    const trouble = (code: string): void => this.#journal.write({ what: "trouble", channel: name, code });
    channel.on("publication", ({ id, data }) => {
      this.delivered++;
      const moved = this.#moved(name, channel);
      const isWhole = data.id === id && data.pad.length === data.size;
      this.#journal.write({
        what: "item",
        at: Date.now(),
        channel: name,
        id,
        ...(moved === null ? {} : { pos: moved }),
        ...(isWhole ? {} : { damaged: true }),
      });
    });
    channel.on("gap", ({ from, to, reason }) => {
      this.#moved(name, channel);
      this.#journal.write({ what: "gap", channel: name, from, to, reason });
    });
    channel.on("tombstone", () => trouble("tombstone"));
    channel.on("amend", () => trouble("amend"));
    this.#listenToState(name, channel, trouble);
  }

  #listenToBoard(name: string): void {
    const channel = this.#client.channel(name as "board:0");
    const trouble = (code: string): void => this.#journal.write({ what: "trouble", channel: name, code });
    channel.on("change", (changes) => {
      const entries: BoardEntry[] = changes.flatMap((change) =>
        change.removed ? [] : [[change.key, change.value.n, change.version]],
      );
      // Nobody removes an entry; when the subscription ends, the SDK forgets all of them.
      if (entries.length < changes.length && channel.state !== "unsubscribed") trouble("removed");
      this.#moved(name, channel);
      this.#journal.write({ what: "changes", channel: name, pos: channel.position, entries });
    });
    this.#listenToState(name, channel, trouble);
  }

  /** What both kinds of channel tell. */
  #listenToState(name: string, channel: AnyHandle, trouble: (code: string) => void): void {
    channel.on("state", ({ state, error }) => {
      if (state === "subscribed") {
        this.#moved(name, channel);
        this.#journal.write({ what: "subscribed", at: Date.now(), channel: name, pos: channel.position });
      } else if (state === "subscribing") this.#journal.write({ what: "interrupted", channel: name });
      else if (error !== undefined) trouble(error.code);
    });
    channel.on("error", (error) => {
      if (!error.retry) trouble(error.code);
    });
  }

  /** The position, if it is another one than was stored; it is stored then. */
  #moved(name: string, { position }: Pick<AnyHandle, "position">): string | null {
    if (position === null || this.#stored.get(name) === position) return null;
    this.#stored.set(name, position);
    return position;
  }

  #wander(): void {
    this.#timer = setTimeout(() => {
      const move = this.#random.weigh({ leave: 6, return: 6, anew: 2, offline: 1 });
      const away = (isAway: boolean): string[] =>
        [...this.#logs, ...this.#boards].filter((name) => (this.#channel(name).state === "unsubscribed") === isAway);
      if (move === "offline") {
        if (this.#client.state === "disconnected") this.#comeBack();
        else {
          this.#client.disconnect();
          this.#membership.left();
        }
      } else if (move === "leave") this.#leave(away(false));
      else if (this.#client.state !== "disconnected") this.#return(away(true));
      this.#wander();
    }, MOVE_MS * this.#random.next());
  }

  #comeBack(): void {
    this.#client.connect();
    this.#membership.enter();
  }

  #leave(present: readonly string[]): void {
    if (present.length === 0) return;
    const name = this.#random.pick(present);
    this.#journal.write({ what: "unsubscribe", channel: name });
    this.#channel(name).unsubscribe();
  }

  #return(absent: readonly string[]): void {
    if (absent.length === 0) return;
    const name = this.#random.pick(absent);
    if (this.#random.below(ANEW_EVERY) === 0) this.#stored.delete(name);
    this.#subscribe(name);
  }
}

/** What an earlier life has stored: the last position of each channel. */
function storedPositions(folder: string, name: string): Map<string, string> {
  const stored = new Map<string, string>();
  for (const record of readJournal<SubscriberRecord>(folder, name)) {
    const pos = positionIn(record);
    if (pos !== null) stored.set(record.channel, pos);
  }
  return stored;
}

/** The position that an application stores with a record; null: none. */
function positionIn(record: SubscriberRecord): string | null {
  if (record.what === "subscribe") return record.from;
  if (record.what === "gap") return record.to;
  return "pos" in record ? (record.pos ?? null) : null;
}
