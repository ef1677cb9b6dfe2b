import type { Page } from "../page.ts";
import { LOGS, PRESENCE, ROOM, STATES } from "../setting.ts";
import type { Stage } from "../stage.ts";

/** A kind of happening. */
export interface Kind {
  readonly name: string;
  /** How often it comes, relative to the others of a run that has it. */
  readonly weight: number;
  /** Share of the runs that have it at all; a run in which everything happens is a run in which little gets far. */
  readonly share: number;
  run(stage: Stage, page: Page, what: number, amount: number): void;
}

/** Paddings of publications, in characters: from nothing to half an outbox. */
export const PADDINGS: readonly number[] = [0, 0, 40, 300, 900];

/** The log, the state and the channel that a number stands for. */
export const logOf = (what: number): string => LOGS[what % LOGS.length] ?? ROOM;
export const stateOf = (what: number): string => STATES[what % STATES.length] ?? "board:a";
export const channelOf = (what: number): string => [...LOGS, ...STATES, PRESENCE][what % 7] ?? ROOM;
