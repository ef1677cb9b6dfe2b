import type { ChannelRecord } from "../backplane/records.ts";
import type { Group } from "../hub/group.ts";
import type { Framing } from "../session/connection.ts";
import type { RawFormat } from "./raw-options.ts";

const NOTHING = new Uint8Array(0);

/**
 * The group of raw peers of one format: a unit is one frame per publication, joined, so that it is still one buffer
 * for everybody. Amendments and erased publications have no form that a raw peer would understand and are left out.
 */
export function rawGroup(framing: Framing, format: RawFormat): Group {
  return {
    name: `raw.${format}`,
    encode: ({ content }) => {
      const frames: Uint8Array[] = [];
      for (const record of content.records) {
        const frame = encodeRecord(record, framing, format);
        if (frame !== null) frames.push(frame);
      }
      const [only] = frames;
      if (frames.length === 1 && only !== undefined) return only;
      return frames.length === 0 ? NOTHING : Buffer.concat(frames);
    },
  };
}

function encodeRecord(record: ChannelRecord, framing: Framing, format: RawFormat): Uint8Array | null {
  if (record.kind !== "publication" || record.data === null) return null;
  if (record.data instanceof Uint8Array) return framing.binary(record.data);
  if (format === "json") return framing.text(record.data);
  // Strings are kept as JSON text like everything else; a value of another kind goes out as that text.
  const value: unknown = JSON.parse(record.data);
  return framing.text(typeof value === "string" ? value : record.data);
}
