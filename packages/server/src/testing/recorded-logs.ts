import type { Position } from "@carillon/protocol";
import type { BackplaneContext } from "../backplane/backplane.ts";
import type { Answer, AppendRequest, ChannelOptions } from "../backplane/channel-store.ts";
import { MemoryChannels } from "../backplane/memory-channels.ts";
import type { Ports } from "../core/ports.ts";

/** Something that was done to the store, and when. */
interface Deed {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly isAppend: boolean;
  readonly redo: (store: MemoryChannels) => void;
}

const ignore = (): void => {};

/**
 * A memory store for logs that can go back: it is made anew, and everything up to some moment is done to it again,
 * under the clocks and with the ids of the first time. So an old copy is the same log, epoch and tags included.
 */
export class RecordedLogs {
  readonly #context: BackplaneContext;
  readonly #ids: string[] = [];
  #deeds: Deed[] = [];
  /** While deeds are done again: when the present one was done, and how many ids were drawn again. */
  #past: { at: Pick<Deed, "wallMs" | "monotonicMs">; ids: number } | null = null;
  #store: MemoryChannels;

  constructor(context: BackplaneContext) {
    this.#context = { ...context, ports: this.#ports(context.ports) };
    this.#store = new MemoryChannels(this.#context);
  }

  /** The store as it is now; another one after each roll back. */
  get store(): MemoryChannels {
    return this.#store;
  }

  /** Publishes and amends. */
  append(batch: readonly AppendRequest[]): void {
    const redo = (store: MemoryChannels): void => store.append(batch.map((request) => ({ ...request, done: ignore })));
    this.#do(true, redo, (store) => store.append(batch));
  }

  /** Begins a new life of a channel. */
  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#do(
      false,
      (store) => store.remove(channel, options, ignore),
      (store) => store.remove(channel, options, done),
    );
  }

  /** Does something that changes nothing but may open the channel. */
  touch(channel: string, options: ChannelOptions, work: (store: MemoryChannels) => void): void {
    const open = (store: MemoryChannels): void => store.history({ channel, options, before: null, limit: 0 }, ignore);
    const ids = this.#ids.length;
    open(this.#store);
    // Only the opening is a deed: it drew the id of the channel's life.
    if (this.#ids.length > ids) this.#do(false, open, ignore);
    work(this.#store);
  }

  /** Makes the store what it was that many appends ago, and forgets what came after. */
  rollBack(appends: number): void {
    let kept = this.#deeds.length;
    let left = appends;
    for (let index = kept - 1; index >= 0 && left > 0; index--) {
      if (this.#deeds[index]?.isAppend !== true) continue;
      kept = index;
      left--;
    }
    this.#deeds = this.#deeds.slice(0, kept);
    this.#store.close();
    this.#past = { at: { wallMs: 0, monotonicMs: 0 }, ids: 0 };
    this.#store = new MemoryChannels(this.#context);
    for (const deed of this.#deeds) {
      this.#past.at = deed;
      deed.redo(this.#store);
    }
    this.#ids.length = this.#past.ids;
    this.#past = null;
  }

  #do(isAppend: boolean, redo: Deed["redo"], work: Deed["redo"]): void {
    const { ports } = this.#context;
    // Before the work, because what the work tells may lead to the next deed.
    this.#deeds.push({ wallMs: ports.wallMs(), monotonicMs: ports.monotonicMs(), isAppend, redo });
    work(this.#store);
  }

  #ports(world: Ports): Ports {
    return {
      monotonicMs: () => this.#past?.at.monotonicMs ?? world.monotonicMs(),
      wallMs: () => this.#past?.at.wallMs ?? world.wallMs(),
      after: (delayMs, callback) => world.after(delayMs, callback),
      endOfTick: (callback) => world.endOfTick(callback),
      random: () => world.random(),
      id: () => this.#id(world),
      hash: (data) => world.hash(data),
      digest: (data) => world.digest(data),
    };
  }

  #id(world: Ports): string {
    const again = this.#past === null ? undefined : this.#ids[this.#past.ids++];
    if (again !== undefined) return again;
    const id = world.id();
    this.#ids.push(id);
    return id;
  }
}
