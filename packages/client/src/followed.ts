import type { ChannelKind, Position } from "@carillon/protocol";
import type { Instance } from "./core/instance.ts";
import type { SubscribeOptions, Subscription, SubscriptionState } from "./core/subscription.ts";

/** What the handles of channels and of presence share: a subscription, followed by promises. */
export class Followed {
  protected readonly owner: Instance;
  protected readonly subscription: Subscription;
  /** True while a listener waits for the end of the tick. */
  #isDue = false;

  constructor(instance: Instance, name: string) {
    this.owner = instance;
    this.subscription = instance.subscription(name);
  }

  get name(): string {
    return this.subscription.channel;
  }

  get state(): SubscriptionState {
    return this.subscription.state;
  }

  get kind(): ChannelKind | null {
    return this.subscription.kind;
  }

  get position(): Position | null {
    return this.subscription.position;
  }

  get isLive(): boolean {
    return this.subscription.isLive;
  }

  subscribe(options?: SubscribeOptions): Promise<void> {
    this.#isDue = false;
    const decided = new Promise<void>((resolve, reject) => {
      this.subscription.subscribe(options, (error) => {
        if (error) reject(error);
        else resolve();
      });
      const refusal = this.owner.refusal();
      if (refusal) this.subscription.stop(refusal);
    });
    // A refusal is told by the `error` event, too: who does not wait for the promise must not be told a third time.
    decided.catch(() => {});
    return decided;
  }

  unsubscribe(): void {
    this.#isDue = false;
    this.subscription.unsubscribe();
  }

  /** Subscribes at the end of the tick, so that options given in this tick count. */
  protected follow(): void {
    this.#isDue = true;
    queueMicrotask(() => {
      if (this.#isDue && this.state === "unsubscribed") void this.subscribe();
    });
  }
}
