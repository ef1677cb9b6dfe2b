import { CarillonError, type AnyChannel, type Client } from "@carillon/client";
import type { Publisher } from "@carillon/protocol";
import type { Frame } from "./notifier.ts";

/** What the stores of one client share. */
export interface Shared {
  /** Null: nothing ever comes. */
  readonly client: Client | null;
  readonly frame: Frame;
  /** How long what nobody uses any more goes on, in milliseconds. */
  readonly lingerMs: number;
  /** True for an id that this client has or had. */
  isOwnInstance(instance: string | undefined): boolean;
}

/** The channel of that name; null without a client. */
export function channelOf({ client }: Shared, name: string): AnyChannel | null {
  return client?.channel<string>(name) ?? null;
}

/** True for a user's own. */
export function isOwnUser({ client }: Shared, publisher: Publisher | undefined): boolean {
  return publisher !== undefined && publisher.user === client?.user;
}

/** Without a client nothing can be done. */
export function noClient(): CarillonError {
  return new CarillonError("disconnected", "Expected a client; the provider has null.");
}

/** `next`, or `previous` if it has the same elements: what did not change stays the same object. */
export function sameArray<T>(previous: readonly T[], next: readonly T[]): readonly T[] {
  const isSame = previous.length === next.length && next.every((element, index) => element === previous[index]);
  return isSame ? previous : next;
}
