/**
 * Which pages may open a WebSocket. A browser sends the page's origin with every upgrade and no page can forge it, so
 * an exact list keeps foreign pages out (CWE-1385). There are no patterns: prefixes and suffixes are how such
 * lists are got around (CVE-2025-30360).
 */
export class OriginList {
  readonly #allowed: ReadonlySet<string>;

  /** Takes origins as they are configured; throws a `TypeError` that names the first that is none. */
  constructor(origins: Iterable<string>) {
    this.#allowed = new Set(Array.from(origins, parseOrigin));
  }

  /**
   * True for an origin of the list, and for none at all: what is no browser sends none, and is kept out by tickets. The
   * opaque origin `null`, which any sandboxed page has, is refused unless it is listed.
   */
  allows(origin: string | null): boolean {
    return origin === null || this.#allowed.has(origin);
  }

  /** The origins, normalised, in the order of the configuration. */
  list(): readonly string[] {
    return [...this.#allowed];
  }
}

/**
 * An origin as browsers write it: lower case, without the scheme's own port. `null` stays. Throws a `TypeError` for
 * anything that is not scheme, host and perhaps port, a `/` at the end being forgiven.
 */
export function parseOrigin(text: string): string {
  const trimmed = text.trim();
  if (trimmed === "null") return trimmed;
  const match = FORM.exec(trimmed);
  // A host of digits and dots, or of other scripts, is written by browsers as the URL standard says.
  const origin = match !== null && URL.canParse(trimmed) ? new URL(trimmed).origin : "null";
  if (origin !== "null") return origin;
  throw new TypeError(
    `Expected an origin like "https://app.example.com" or "http://localhost:3000", got ${JSON.stringify(text.slice(0, 200))}.`,
  );
}

/** The origins of a comma-separated list, as `CARILLON_ORIGINS` has it; empty entries are passed over. */
export function parseOriginList(text: string): string[] {
  return text
    .split(",")
    .filter((entry) => entry.trim() !== "")
    .map(parseOrigin);
}

/** The origins under which a server's own pages are seen: localhost, the loopback addresses and its host, plain HTTP. */
export function ownOrigins(host: string, port: number): string[] {
  const names = ["localhost", "127.0.0.1", "[::1]"];
  const own = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  // Nobody's address bar shows the address that stands for all addresses.
  if (own !== "" && own !== "0.0.0.0" && own !== "[::]") names.push(own);
  return [...new Set(names.map((name) => parseOrigin(`http://${name}:${port}`)))];
}

const FORM = /^https?:\/\/(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:[\]\\]+)(?::\d{1,5})?\/?$/i;
