import type { ByteFilter } from "../../support/tcp-proxy.ts";
import type { RealBackplane } from "./broker-server.ts";

/** Finds the end of the message that begins at `start`; -1 while it is not whole. */
type Framing = (bytes: Buffer, start: number) => { readonly end: number; readonly isLive: boolean };

const NOT_WHOLE = { end: -1, isLive: false };

/** `MSG subject sid [reply] bytes`, a line break, the payload and another; anything else is a line. */
const natsMessage: Framing = (bytes, start) => {
  const line = bytes.indexOf("\r\n", start);
  if (line === -1) return NOT_WHOLE;
  const words = bytes.toString("latin1", start, line).split(" ");
  const hasPayload = words[0] === "MSG" || words[0] === "HMSG";
  const end = hasPayload ? line + 2 + Number(words.at(-1)) + 2 : line + 2;
  return end > bytes.length ? NOT_WHOLE : { end, isLive: hasPayload && (words[1] ?? "").includes(".live.") };
};

/** A value of RESP: `*` with as many values, `$` with as many bytes, or a line. */
function respEnd(bytes: Buffer, start: number): number {
  const line = bytes.indexOf("\r\n", start);
  if (line === -1) return -1;
  const count = Number(bytes.toString("latin1", start + 1, line));
  const kind = String.fromCharCode(bytes[start] ?? 0);
  if (kind === "$") {
    const end = count < 0 ? line + 2 : line + 2 + count + 2;
    return end > bytes.length ? -1 : end;
  }
  let end = line + 2;
  for (let left = kind === "*" || kind === ">" ? count : 0; left > 0 && end !== -1; left--) end = respEnd(bytes, end);
  return end;
}

const SHARD_MESSAGE = /^[*>]3\r\n\$8\r\nsmessage/;

const redisMessage: Framing = (bytes, start) => {
  const end = respEnd(bytes, start);
  return end === -1 ? NOT_WHOLE : { end, isLive: SHARD_MESSAGE.test(bytes.toString("latin1", start, start + 16)) };
};

const FRAMINGS: Readonly<Record<RealBackplane, Framing>> = { redis: redisMessage, nats: natsMessage };

/** A filter for what a broker sends, which loses some of its live messages: the fault that nobody is told of. */
export function liveLoss(kind: RealBackplane, isLost: () => boolean): ByteFilter {
  const framing = FRAMINGS[kind];
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const passing: Buffer[] = [];
    let start = 0;
    for (let { end, isLive } = framing(bytes, 0); end !== -1; { end, isLive } = framing(bytes, start)) {
      if (!isLive || !isLost()) passing.push(bytes.subarray(start, end));
      start = end;
      if (start >= bytes.length) break;
    }
    rest = bytes.subarray(start);
    return Buffer.concat(passing);
  };
}
