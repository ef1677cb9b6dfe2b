import type { GapPush, Item, ItemsPush } from "@carillon/protocol";
import type { Attempt } from "./attempts.ts";
import type { Shown } from "./wire.ts";
import type { View } from "./subscriptions.ts";

/** A page of history as a client got it. */
export interface HistoryTold {
  readonly prev: string;
  readonly pos: string;
  readonly items: readonly Item[];
  readonly more: boolean;
}

/** Who judges what a client is told, at the moment it is told. Its methods throw what does not hold. */
export interface Judge {
  /** A subscription begins. `asked`: the position that the client asked for. */
  started(who: string, view: View, asked: string | null, pos: string | null): void;
  items(who: string, view: View, push: ItemsPush, values: readonly Shown[]): void;
  gap(who: string, view: View, push: GapPush): void;
  accepted(who: string, attempt: Attempt, result: { readonly pos: string; readonly at: number }): void;
  history(who: string, channel: string, page: HistoryTold, values: readonly Shown[]): void;
}
