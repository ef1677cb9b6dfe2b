/** A script's answer that is not of the form it should have: a broken store, or somebody else's keys. */
export class StrangeReply extends Error {
  constructor(what: string) {
    super(`Expected ${what} from a script.`);
    this.name = "StrangeReply";
  }
}

/** A script's answer: a list. */
export function listOf(reply: unknown): readonly unknown[] {
  if (!Array.isArray(reply)) throw new StrangeReply("a list");
  return reply;
}

/** An item of an answer as bytes. */
export function bytesAt(list: readonly unknown[], index: number): Buffer {
  const item = list[index];
  if (!Buffer.isBuffer(item)) throw new StrangeReply("text");
  return item;
}

/** An item of an answer as text. */
export function textAt(list: readonly unknown[], index: number): string {
  const item = list[index];
  if (typeof item === "number") return String(item);
  return bytesAt(list, index).toString();
}

/** An item of an answer as a number, null for "". */
export function numberAt(list: readonly unknown[], index: number): number | null {
  const text = textAt(list, index);
  return text === "" ? null : Number(text);
}
