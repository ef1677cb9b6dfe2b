import type { ApplyRequest } from "../../backplane/channel-store.ts";
import type { World } from "./world.ts";

/** A lease that could not be ended is tried again after this. */
const AGAIN_MS = 1_000;

/** What the sessions of one incarnation of a node hold: how to end it, and whether that was done. */
interface Held {
  readonly release: ApplyRequest;
  isEnded: boolean;
}

/**
 * What the sessions of each node hold in state channels. A node that is dead can't end it, so the broker does, when the
 * node's lease is over. A node that lives on begins anew under another name, and takes along what it sets again.
 */
export class Leases {
  readonly #held = new Map<string, Map<string, Held>>();
  /** Incarnations whose leases are over. */
  readonly #over = new Set<string>();
  readonly #world: World;
  readonly #release: (request: ApplyRequest, done: () => void) => void;

  constructor(world: World, release: (request: ApplyRequest, done: () => void) => void) {
    this.#world = world;
    this.#release = release;
  }

  /** False once a lease is over: whatever comes late is refused. */
  isHeld(incarnation: string): boolean {
    return !this.#over.has(incarnation);
  }

  /** A change was made for a node: what it set is held by one of its sessions. */
  changed({ channel, options, change }: ApplyRequest, incarnation: string): void {
    if (change.op !== "set" || change.owner === null || change.holder === null) return;
    const { instance } = change.owner;
    const { holder } = change;
    const key = `${channel} ${instance} ${holder}`;
    for (const held of this.#held.values()) held.delete(key);
    const held = this.#held.get(incarnation) ?? new Map<string, Held>();
    const release = { op: "release", instance, holder, isReaping: true } as const;
    this.#held.set(incarnation, held);
    held.set(key, { release: { channel, options, change: release, done }, isEnded: false });
  }

  /** A lease ends after a while, however often that has to be tried, unless it is held again by then. */
  end(incarnation: string, afterMs: number, isStillDead: () => boolean = always): void {
    this.#world.after(afterMs, () => {
      if (!isStillDead()) return;
      this.#over.add(incarnation);
      this.#endNow(incarnation);
    });
  }

  /** An old copy was restored: what was ended since may be there again, and ends again. */
  restored(afterMs: number): void {
    for (const incarnation of this.#over) {
      for (const held of this.#held.get(incarnation)?.values() ?? []) held.isEnded = false;
      this.end(incarnation, afterMs);
    }
  }

  #endNow(incarnation: string): void {
    const left = [...(this.#held.get(incarnation)?.values() ?? [])].filter(({ isEnded }) => !isEnded);
    for (const held of left) {
      this.#release(held.release, () => {
        held.isEnded = true;
      });
    }
    if (left.length > 0) this.#world.after(AGAIN_MS, () => this.#endNow(incarnation));
  }
}

const done = (): void => {};
const always = (): boolean => true;
