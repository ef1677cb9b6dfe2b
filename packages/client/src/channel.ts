import {
  CarillonError,
  presenceChannel,
  type ChannelKind,
  type PublishResult,
  type SetResult,
} from "@carillon/protocol";
import { ask } from "./ask.ts";
import type { ListenerOptions, Removal } from "./core/emitter.ts";
import { isText } from "./core/fields.ts";
import { readPublication, takeFrom, type Entry, type Publication, type Tombstone } from "./core/items.ts";
import { ERASED, payloadOf, type Payload } from "./core/payload.ts";
import type { SubscriptionEvents } from "./core/subscription.ts";
import type { HistoryOptions, HistoryPage, Published, PublishOptions, SetOptions } from "./face.ts";
import { Followed } from "./followed.ts";
import { iterate, type IterationValue } from "./iteration.ts";
import { PresenceHandle } from "./presence.ts";
import { promised } from "./promised.ts";
import { setEntry } from "./set-entry.ts";

/** Publications on a page of history, if the caller says nothing. */
const PAGE_SIZE = 100;

/**
 * The handle of a channel of either kind: types are erased, so only the server's reply to subscribe tells which. What
 * belongs to the other kind ends as `wrong_kind`.
 */
export class ChannelHandle extends Followed {
  #presence: PresenceHandle | null = null;

  on<K extends keyof SubscriptionEvents>(
    event: K,
    listener: (value: SubscriptionEvents[K]) => void,
    options?: ListenerOptions,
  ): Removal {
    if (event !== "state" && event !== "error") this.follow();
    return this.subscription.events.on(event, listener, options);
  }

  // --- log ---

  async publish(data: unknown, options: PublishOptions = {}): Promise<Published> {
    const { id = this.owner.newId(), tags, meta, expiresInMs, signal } = options;
    const command = { cmd: "publish", channel: this.name, publication: id, tags, meta, expiresInMs };
    return { id, ...(await this.#enqueue(command, payloadOf(data), signal)) };
  }

  async amend(id: string, data: unknown, options: PublishOptions = {}): Promise<PublishResult> {
    return this.#amend(id, payloadOf(data), options);
  }

  async erase(id: string, options: PublishOptions = {}): Promise<PublishResult> {
    return this.#amend(id, ERASED, options);
  }

  async history({ before, limit = PAGE_SIZE, ...options }: HistoryOptions = {}): Promise<HistoryPage<unknown>> {
    this.#expect("log");
    const command = { cmd: "history", channel: this.name, before, limit };
    return ask(
      this.owner,
      { command, payload: null, isRepeatable: true, ...options },
      ({ items, prev, pos, more }, body) => {
        const take = takeFrom(body);
        if (!Array.isArray(items) || !isText(prev) || !isText(pos)) throw new Error("Expected items, prev and pos.");
        // Publications stand in history as they are now; their amendments say nothing new.
        const publications = items.map((item): Publication | Tombstone | null => readPublication(item, take));
        return { items: publications.filter((item) => item !== null), prev, pos, more: more === true };
      },
    );
  }

  get presence(): PresenceHandle {
    return (this.#presence ??= new PresenceHandle(this.owner, presenceChannel(this.name)));
  }

  // --- state ---

  get entries(): ReadonlyMap<string, Entry> {
    return this.subscription.entries.map;
  }

  get(key: string): unknown {
    return this.entries.get(key)?.value;
  }

  async set(...args: [unknown] | [string | null, unknown, SetOptions?]): Promise<SetResult> {
    const [key, value, options] = args.length === 1 ? [null, args[0], undefined] : args;
    return this.#wish(key, payloadOf(value), options);
  }

  async remove(key: string | null = null, options?: SetOptions): Promise<SetResult> {
    return this.#wish(key, null, options);
  }

  // --- iterating ---

  [Symbol.asyncIterator](): AsyncGenerator<IterationValue, void> {
    return iterate(({ push, end }) => {
      const refusal = this.owner.refusal();
      if (refusal) end(refusal);
      return [
        this.on("publication", push),
        this.on("change", push),
        this.on("state", ({ state, error }) => {
          if (state === "unsubscribed") end(error);
        }),
        this.owner.events.on("state", ({ state, error }) => {
          if (state === "disconnected") end(error);
        }),
      ];
    });
  }

  #amend(publication: string, payload: Payload, { id, signal }: PublishOptions): Promise<PublishResult> {
    const amendment = id ?? this.owner.newId();
    return this.#enqueue({ cmd: "amend", channel: this.name, publication, amendment }, payload, signal);
  }

  #enqueue(command: object, payload: Payload, signal: AbortSignal | undefined): Promise<PublishResult> {
    this.#expect("log");
    const { queue } = this.owner;
    return promised(this.owner, (settle) => queue.add(this.name, command, payload, settle), signal);
  }

  #wish(key: string | null, payload: Payload | null, options: SetOptions = {}): Promise<SetResult> {
    this.#expect("state");
    return setEntry(this.owner, this.name, key, payload, options);
  }

  #expect(kind: ChannelKind): void {
    if ((this.kind ?? kind) !== kind) {
      throw new CarillonError("wrong_kind", `Expected a ${kind} channel, ${this.name} is a ${this.kind} channel.`);
    }
  }
}
