import type { ApplyRequest } from "../../backplane/channel-store.ts";
import type { World } from "./world.ts";

/** A lease that could not be ended is tried again after this. */
const AGAIN_MS = 1_000;

/**
 * What the sessions of each node hold in state channels. A node that is dead can't end it, so the broker does, when the
 * node's lease is over.
 */
export class Leases {
  readonly #held = new Map<string, Map<string, ApplyRequest>>();
  readonly #world: World;
  readonly #release: (request: ApplyRequest, done: () => void) => void;

  constructor(world: World, release: (request: ApplyRequest, done: () => void) => void) {
    this.#world = world;
    this.#release = release;
  }

  /** A change was made for a node: what it set is held by one of its sessions. */
  changed({ channel, options, change }: ApplyRequest, node: string): void {
    if (change.op !== "set" || change.owner === null || change.holder === null) return;
    const { instance } = change.owner;
    const { holder } = change;
    const held = this.#held.get(node) ?? new Map<string, ApplyRequest>();
    const release = { op: "release", instance, holder } as const;
    this.#held.set(node, held.set(`${channel} ${instance} ${holder}`, { channel, options, change: release, done }));
  }

  /** A node is dead: what it holds ends after a while, however often that has to be tried. */
  end(node: string, afterMs: number): void {
    this.#world.after(afterMs, () => {
      const held = this.#held.get(node);
      if (held === undefined || held.size === 0) return;
      for (const [key, release] of held) this.#release(release, () => held.delete(key));
      this.end(node, AGAIN_MS);
    });
  }
}

const done = (): void => {};
