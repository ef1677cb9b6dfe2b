/**
 * The headers of an upgrade request that matter, from the list of names and values that Node's parser made of it.
 * `request.headers` would have them too, but is an object of all headers, which Node puts together when it is first asked
 * for, and not all of which say that a header came twice. Absent headers are undefined.
 *
 * Of headers that may stand in a request several times the values are joined, as Node does. Those that decide how the
 * request is read may not: `repeated` names the first of them that does.
 */
export class UpgradeHead {
  host: string | undefined = undefined;
  origin: string | undefined = undefined;
  upgrade: string | undefined = undefined;
  connection: string | undefined = undefined;
  /** `Sec-WebSocket-Key`. */
  key: string | undefined = undefined;
  /** `Sec-WebSocket-Version`. */
  version: string | undefined = undefined;
  /** `Sec-WebSocket-Protocol`. */
  protocols: string | undefined = undefined;
  /** `Sec-WebSocket-Extensions`. */
  extensions: string | undefined = undefined;
  /** A body of one byte or more is announced, or one of a length that is yet to be told. */
  hasBody: boolean = false;
  repeated: string | null = null;

  /** Takes names and values in turn, as `IncomingMessage.rawHeaders` has them. */
  constructor(rawHeaders: readonly string[]) {
    for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
      this.#take(rawHeaders[index]!.toLowerCase(), rawHeaders[index + 1]!);
    }
  }

  #take(name: string, value: string): void {
    if (name === "host") this.host = this.#single(name, this.host, value);
    else if (name === "origin") this.origin = this.#single(name, this.origin, value);
    else if (name === "upgrade") this.upgrade = this.#single(name, this.upgrade, value);
    else if (name === "sec-websocket-key") this.key = this.#single(name, this.key, value);
    else if (name === "sec-websocket-version") this.version = this.#single(name, this.version, value);
    else if (name === "connection") this.connection = joined(this.connection, value);
    else if (name === "sec-websocket-protocol") this.protocols = joined(this.protocols, value);
    else if (name === "sec-websocket-extensions") this.extensions = joined(this.extensions, value);
    else if (name === "content-length") this.hasBody ||= value !== "0";
    else if (name === "transfer-encoding") this.hasBody = true;
  }

  #single(name: string, before: string | undefined, value: string): string {
    if (before !== undefined) this.repeated ??= name;
    return value;
  }
}

function joined(before: string | undefined, value: string): string {
  return before === undefined ? value : `${before}, ${value}`;
}
