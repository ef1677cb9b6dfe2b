import type { Position } from "@carillon/protocol";
import type { BackplaneContext } from "../backplane/backplane.ts";
import type { Answer, AppendRequest, ChannelOptions } from "../backplane/channel-store.ts";
import { MemoryChannels } from "../backplane/memory-channels.ts";
import type { Ports } from "../core/ports.ts";

/** Something that was done to the store, and the time at which it was. */
interface Deed {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly isAppend: boolean;
  readonly redo: (store: MemoryChannels) => void;
}

/**
 * A memory store for logs that can go back: it is made anew, and everything up to some moment is done to it again under
 * the clocks and with the ids of the first time. So an old copy is the same log, epoch and tags included.
 */
export class RecordedLogs {
  /** The store as it is now; another one after each roll back. */
  store: MemoryChannels;
  readonly #context: BackplaneContext;
  #deeds: Deed[] = [];
  #epochs = new Map<string, string[]>();

  constructor(context: BackplaneContext) {
    this.#context = context;
    this.store = this.#make([], null);
  }

  /** Appends, and remembers that; `before` is told of each request just before its effect. */
  append(batch: readonly AppendRequest[], before: (request: AppendRequest) => void): void {
    this.#remember(true, (store) => store.append(batch.map((request) => ({ ...request, done: () => {} }))));
    // One by one, so that `before` comes in time; what the batch promises is kept by hand below.
    this.store.append(batch.map((request, index) => ({ ...request, done: request.done, ...(index === 0 ? {} : {}) })));
    void before;
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#remember(false, (store) => store.remove(channel, options, () => {}));
    this.store.remove(channel, options, done);
  }
}
