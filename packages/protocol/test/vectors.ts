/** Reads the golden vectors; their format stands in vectors/README.md. */
import { readFileSync } from "node:fs";

export type Frame = { readonly text: string; readonly hex?: never } | { readonly hex: string; readonly text?: never };

interface MessageVector {
  readonly name: string;
  readonly frame: Frame;
  readonly messages: readonly { readonly head: unknown; readonly body?: string }[];
}
interface RefusedFrameVector {
  readonly name: string;
  readonly frame: Frame;
  readonly error: "SyntaxError" | "TypeError" | "Error";
  readonly messagesMax?: number;
}
interface RefusedCommandVector {
  readonly name: string;
  readonly frame: Frame;
  readonly code: string;
}

export interface VectorFiles {
  readonly commands: readonly MessageVector[];
  readonly replies: readonly MessageVector[];
  readonly pushes: readonly MessageVector[];
  readonly spellings: readonly MessageVector[];
  readonly "refused-frames": readonly RefusedFrameVector[];
  readonly "refused-commands": readonly RefusedCommandVector[];
}

/** The vectors of one file. The files are ours, so their shape is taken as told. */
export function readVectors<Name extends keyof VectorFiles>(name: Name): VectorFiles[Name] {
  return JSON.parse(readFileSync(new URL(`../vectors/${name}.json`, import.meta.url), "utf8"));
}
