import type { World } from "@carillon/server/testing";
import type { Checker } from "./checker.ts";

/** After this, in milliseconds, nothing new may reach a user whose permission was taken away (P7). */
const BOUND_MS = 1_000;

/** Who is told what. */
export interface Reader {
  readonly name: string;
  readonly user: string;
  readonly channel: string;
}

/** Who may read which channel, as the application decides it; and whether what is delivered agrees with that. */
export class Permissions {
  readonly #world: World;
  readonly #checker: Checker;
  /** Since when a user may not read a channel: when the broker had the message about it. */
  readonly #deniedSince = new Map<string, number>();
  readonly #denied = new Set<string>();

  constructor(world: World, checker: Checker) {
    this.#world = world;
    this.#checker = checker;
  }

  /** True if the user may read and write the channel now. */
  allows(user: string, channel: string): boolean {
    return !this.#denied.has(`${user} ${channel}`);
  }

  /** The application takes the permission away. */
  deny(user: string, channel: string): void {
    this.#denied.add(`${user} ${channel}`);
    this.#world.count("permissions taken");
  }

  /** The broker has been told of it. */
  denialIsKnown(user: string, channel: string): void {
    const key = `${user} ${channel}`;
    if (this.#denied.has(key) && !this.#deniedSince.has(key)) this.#deniedSince.set(key, this.#world.nowMs);
  }

  /** The application gives the permission back. */
  allow(user: string, channel: string): void {
    this.#denied.delete(`${user} ${channel}`);
    this.#deniedSince.delete(`${user} ${channel}`);
  }

  /** Something that became durable at some time has reached a user. Where events come late, so may this. */
  delivered({ name, user, channel }: Reader, committedMs: number, what: string): void {
    const since = this.#deniedSince.get(`${user} ${channel}`);
    if (since === undefined || committedMs <= since + BOUND_MS + this.#world.lateMs) return;
    const lateMs = Math.round(committedMs - since);
    this.#checker.fail(
      "permission",
      `${name}, ${channel}: got ${what}, made ${lateMs} ms after the permission was taken`,
    );
  }
}
