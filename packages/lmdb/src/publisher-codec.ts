import type { Publisher } from "@carillon/protocol";
import { textBound, type ByteReader, type ByteWriter } from "./bytes.ts";

/** Most bytes of a publisher. */
export function publisherBound(publisher: Publisher | null): number {
  return publisher === null ? 0 : 3 + textBound(publisher.user) + textBound(publisher.instance);
}

/** Writes a publisher; whether there is one stands elsewhere. */
export function writePublisher(writer: ByteWriter, publisher: Publisher | null): void {
  if (publisher === null) return;
  writer.long(publisher.user);
  writer.short(publisher.instance);
}

/** Reads a publisher. */
export function readPublisher(reader: ByteReader): Publisher {
  const user = reader.long();
  return { user, instance: reader.short() };
}
