import type { IncomingMessage } from "node:http";
import { HttpProblem } from "./answer.ts";

/** Bytes of a body that are taken at most: a name, and room. */
const BODY_BYTES_MAX = 4_096;
/**
 * Bytes of a body that is too large which are read and dropped before it is refused: a socket that is closed with
 * unread bytes is reset, and the reset may overtake the answer. A sender of more may miss it.
 */
const DROPPED_BYTES_MAX = 1_048_576;

/**
 * Reads a request's JSON. Throws a {@link HttpProblem} for another type (415), too many bytes (413), and for what is
 * not UTF-8 or not JSON (400). When the peer goes before its body has ended, nobody is left to be answered, and the
 * promise rejects all the same.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(request);
  const [type = ""] = (request.headers["content-type"] ?? "").split(";", 1);
  if (type.trim().toLowerCase() !== "application/json") {
    throw new HttpProblem(415, "wrong_type", "Expected the header Content-Type: application/json.");
  }
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    return value;
  } catch (error) {
    throw new HttpProblem(400, "bad_json", "Expected a body of JSON in UTF-8.", { cause: error });
  }
}

function readBody(request: IncomingMessage): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    const refuse = (): void =>
      reject(new HttpProblem(413, "too_large", `Expected a body of at most ${BODY_BYTES_MAX} bytes.`));
    request.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
      else chunks.length = 0;
      if (bytes > DROPPED_BYTES_MAX) refuse();
    });
    request.on("end", () => {
      if (bytes > BODY_BYTES_MAX) refuse();
      else resolve(Buffer.concat(chunks));
    });
    const gone = (): void => reject(new HttpProblem(400, "cut", "Expected the whole body."));
    request.on("error", gone);
    request.on("close", gone);
  });
}
