import { constants, deflateRawSync, inflateRawSync } from "node:zlib";
import type { Framing } from "../session/connection.ts";
import { binaryFrame, FINAL_BINARY, FINAL_TEXT, frameOf, textFrame } from "./frames.ts";

/**
 * permessage-deflate (RFC 7692) for a whole group at once. Neither end keeps a window from message to message
 * (`…_no_context_takeover`): so what is sent can be the same for everybody, a connection costs no memory for it, and
 * what comes in is inflated by a call that gives up at the limit of a message, however large it would become.
 *
 * Only units are compressed. Replies may hold credentials, and the size of a compressed text tells about its content.
 */

/** Marks the first frame of a compressed message (RFC 7692, section 7.2.3.1). */
export const COMPRESSED = 0x40;

/** Units from this size on are compressed: below, hardly a third is saved, and most fit into one packet as they are. */
const DEFLATE_BYTES_MIN = 512;
/** The lowest level that is as good as the default one for some kilobytes of JSON, within a few percent. */
const LEVEL = 3;
/** A message ends on this, and it is not sent (RFC 7692, section 7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff]);

const ANSWER = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
const OFFER = /^\s*permessage-deflate\s*((?:;[^;,]*)*)$/i;
const PARAMETER = /^\s*([a-z_]+)\s*(?:=\s*"?(\d{1,2})"?\s*)?$/;

/**
 * The `Sec-WebSocket-Extensions` of the answer to an upgrade; null when nothing is offered that can be accepted. An
 * offer with a parameter that is unknown, repeated or wrong is passed over (RFC 7692, section 7.1), and so is one that
 * asks for a smaller window, since one window serves all.
 */
export function answerToOffers(header: string | undefined): string | null {
  for (const text of (header ?? "").split(",")) {
    const parameters = OFFER.exec(text)?.[1];
    const windowBits = parameters === undefined ? null : windowBitsOf(parameters);
    if (windowBits !== null) return windowBits === "" ? ANSWER : `${ANSWER}; server_max_window_bits=${windowBits}`;
  }
  return null;
}

/** The window that an offer wants of the server, `""` for any; null for an offer that can't be accepted. */
function windowBitsOf(parameters: string): string | null {
  const values = new Map<string, string>();
  for (const text of parameters.split(";").slice(1)) {
    const [, name = "", value = ""] = PARAMETER.exec(text) ?? [];
    const isKnown =
      ((name === "server_no_context_takeover" || name === "client_no_context_takeover") && value === "") ||
      (name === "client_max_window_bits" && (value === "" || isWindow(value))) ||
      (name === "server_max_window_bits" && value === "15");
    if (!isKnown || values.has(name)) return null;
    values.set(name, value);
  }
  return values.get("server_max_window_bits") ?? "";
}

function isWindow(bits: string): boolean {
  return Number(bits) >= 8 && Number(bits) <= 15;
}

/** Frames for connections that agreed to compression: units are compressed, replies are not. */
export const DEFLATING_FRAMING: Framing = {
  text: textFrame,
  binary: binaryFrame,
  forUnits: {
    text: (payload) => {
      // Of a short text it is clear before it is encoded.
      if (payload.length * 3 < DEFLATE_BYTES_MIN) return textFrame(payload);
      return deflatedFrame(FINAL_TEXT, Buffer.from(payload, "utf8"));
    },
    binary: (payload) => deflatedFrame(FINAL_BINARY, payload),
  },
};

function deflatedFrame(first: number, payload: Uint8Array): Buffer {
  if (payload.byteLength < DEFLATE_BYTES_MIN) return frameOf(first, payload);
  const deflated = deflateRawSync(payload, { level: LEVEL, finishFlush: constants.Z_SYNC_FLUSH });
  const bytes = deflated.subarray(0, deflated.byteLength - TAIL.byteLength);
  return bytes.byteLength < payload.byteLength ? frameOf(first | COMPRESSED, bytes) : frameOf(first, payload);
}

/** A message's bytes, or why there are none: it is larger than it may be, or it is no compressed message. */
export function inflate(message: Uint8Array, bytesMax: number): Buffer | "too_large" | "invalid" {
  try {
    const options = { maxOutputLength: bytesMax, finishFlush: constants.Z_SYNC_FLUSH };
    return inflateRawSync(Buffer.concat([message, TAIL]), options);
  } catch (error) {
    const isTooLarge = error instanceof RangeError && "code" in error && error.code === "ERR_BUFFER_TOO_LARGE";
    return isTooLarge ? "too_large" : "invalid";
  }
}
