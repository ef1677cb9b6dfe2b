import type { SetResult } from "@carillon/protocol";
import type { Emitter, ListenerOptions, Removal } from "./core/emitter.ts";
import type { Change } from "./core/entries.ts";
import type { Instance } from "./core/instance.ts";
import type { Entry } from "./core/items.ts";
import { payloadOf } from "./core/payload.ts";
import type { Member, PresenceEvents } from "./face.ts";
import { Followed } from "./followed.ts";
import { setEntry } from "./set-entry.ts";

/** Presence of a channel: its built-in state channel, seen as members. */
export class PresenceHandle extends Followed {
  readonly #events: Emitter<PresenceEvents<unknown>>;
  /** Null: to be made anew. */
  #members: readonly Member[] | null = null;

  constructor(instance: Instance, name: string) {
    super(instance, name);
    this.#events = instance.emitter();
    const { events } = this.subscription;
    events.on("change", (changes) => this.#changed(changes));
    events.on("state", (change) => this.#events.emit("state", change));
    events.on("live", (position) => this.#events.emit("live", position));
    events.on("error", (error) => {
      if (!this.#events.emit("error", error)) instance.fail(error);
    });
  }

  on<K extends keyof PresenceEvents<unknown>>(
    event: K,
    listener: (value: PresenceEvents<unknown>[K]) => void,
    options?: ListenerOptions,
  ): Removal {
    if (event !== "state" && event !== "error") this.follow();
    return this.#events.on(event, listener, options);
  }

  get members(): readonly Member[] {
    return (this.#members ??= [...this.subscription.entries.map].map(([key, entry]) => memberOf(key, entry)));
  }

  enter(info: unknown): Promise<SetResult> {
    return this.update(info);
  }

  async update(info: unknown): Promise<SetResult> {
    return setEntry(this.owner, this.name, null, payloadOf(info));
  }

  async leave(): Promise<SetResult> {
    return setEntry(this.owner, this.name, null, null);
  }

  #changed(changes: readonly Change[]): void {
    this.#members = null;
    for (const change of changes) {
      if (!change.removed) {
        this.#events.emit(change.previous ? "update" : "join", memberOf(change.key, change));
      } else if (change.previous) this.#events.emit("leave", memberOf(change.key, change.previous));
    }
    this.#events.emit("change", this.members);
  }
}

function memberOf(instance: string, { owner, value }: Entry): Member {
  return { instance, user: owner?.user ?? "", info: value };
}
