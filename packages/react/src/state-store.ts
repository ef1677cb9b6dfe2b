/** One state channel, as components see it. All components that use the channel share one store. */
import type { AnyChannel, SetOptions } from "@carillon/client";
import type { SetResult } from "@carillon/protocol";
import type { StateView } from "./face.ts";
import { Lifeline } from "./lifeline.ts";
import { Notifier } from "./notifier.ts";
import { channelOf, noClient, type Shared } from "./shared.ts";
import { followFacts, INITIAL_FACTS, type Facts } from "./subscription-facts.ts";

type SetArguments = [unknown] | [key: string | null, value: unknown, options?: SetOptions | undefined];

/** A state channel, shared by components. */
export class StateStore {
  readonly name: string;
  readonly initialView: StateView;
  readonly #shared: Shared;
  readonly #notifier: Notifier;
  readonly #lifeline: Lifeline;
  #facts: Facts = INITIAL_FACTS;
  #removals: (() => void)[] = [];
  #view: StateView;
  /** True if entries changed since the view was made. */
  #isStale = false;

  constructor(name: string, shared: Shared) {
    this.name = name;
    this.#shared = shared;
    this.#notifier = new Notifier(shared.frame, () => this.#freeze());
    this.#lifeline = new Lifeline(
      shared.lingerMs,
      () => this.#start(),
      () => this.#stop(),
    );
    this.#view = this.initialView = {
      name,
      ...INITIAL_FACTS,
      entries: new Map(),
      own: undefined,
      resubscribe: () => this.#resubscribe(),
      set: (...args: SetArguments) => this.#set(args),
      remove: async (key: string | null = null, options: SetOptions = {}) => this.#channel().remove(key, options),
    };
  }

  /** What components see: the same object until it changes. */
  readonly view = (): StateView => this.#view;

  /** Follows the channel for a component. Returns the end of it. */
  readonly watch = (listener: () => void): (() => void) => {
    const unlisten = this.#notifier.listen(listener);
    const letGo = this.#lifeline.hold();
    return () => {
      unlisten();
      letGo();
    };
  };

  #start(): void {
    const channel = channelOf(this.#shared, this.name);
    if (!channel) return;
    this.#removals = [
      channel.on("change", () => this.#changed()),
      followFacts(channel, {
        changed: (facts) => {
          this.#facts = facts;
          this.#notifier.changed();
        },
        lost: () => this.#subscribe(),
      }),
    ];
    // Someone else may have subscribed it, and the entries are here already.
    this.#changed();
    this.#subscribe();
  }

  #subscribe(): void {
    // A refusal is told by the `error` event.
    channelOf(this.#shared, this.name)
      ?.subscribe()
      .catch(() => {});
  }

  #stop(): void {
    for (const remove of this.#removals.splice(0)) remove();
    channelOf(this.#shared, this.name)?.unsubscribe();
    this.#facts = INITIAL_FACTS;
    this.#changed();
  }

  #resubscribe(): void {
    if (this.#removals.length) this.#subscribe();
  }

  #changed(): void {
    this.#isStale = true;
    this.#notifier.changed();
  }

  #channel(): AnyChannel {
    const channel = channelOf(this.#shared, this.name);
    if (!channel) throw noClient();
    return channel;
  }

  async #set(args: SetArguments): Promise<SetResult> {
    return args.length === 1 ? this.#channel().set(args[0]) : this.#channel().set(...args);
  }

  #freeze(): void {
    const { client } = this.#shared;
    const entries = this.#isStale ? new Map(channelOf(this.#shared, this.name)?.entries) : this.#view.entries;
    this.#isStale = false;
    const own = client?.instance ? entries.get(client.instance)?.value : undefined;
    this.#view = { ...this.#view, ...this.#facts, entries, own };
  }
}
