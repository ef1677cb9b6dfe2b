/** Reads the golden vectors of the wire; their format stands in packages/protocol/vectors/README.md. */
import { readFileSync } from "node:fs";

/** One message of a WebSocket. */
export interface Frame {
  readonly text?: string;
  readonly hex?: string;
}

/** A vector. Those of refused frames have no messages. */
export interface Vector {
  readonly name: string;
  readonly frame: Frame;
  readonly messages: readonly { readonly head: unknown; readonly body?: string }[];
  readonly messagesMax?: number;
}

/** The vectors of one file. The files are ours, so their shape is taken as told. */
export function readVectors(name: "replies" | "pushes" | "spellings" | "refused-frames"): readonly Vector[] {
  return JSON.parse(readFileSync(new URL(`../../protocol/vectors/${name}.json`, import.meta.url), "utf8"));
}
