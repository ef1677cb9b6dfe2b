import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";

/** What a request is answered. Handlers return one, so that each request gets exactly one, whatever happens. */
export interface Answer {
  readonly status: number;
  /** Beside the common ones: length, caching (`no-store` by default) and what keeps browsers strict. */
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Uint8Array;
}

/** Answers a request. May throw a {@link HttpProblem}; any other error becomes 500 and a line of the log. */
export type Handler = (request: IncomingMessage) => Answer | Promise<Answer>;

/** Settings of a {@link HttpProblem}. */
export interface HttpProblemOptions {
  readonly headers?: OutgoingHttpHeaders;
  readonly cause?: unknown;
}

/** A request that can't be served: status, a stable code, and a sentence that says what was expected. */
export class HttpProblem extends Error {
  override readonly name: string = "HttpProblem";
  readonly status: number;
  readonly code: string;
  readonly headers: OutgoingHttpHeaders;

  constructor(status: number, code: string, message: string, { headers = {}, cause }: HttpProblemOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/**
 * In force on every answer. Scripts, styles, fonts and pictures come from here alone and none stands inline, nobody may frame
 * the page, and text never becomes markup by a script's mistake (Trusted Types). `'self'` covers the WebSocket: the
 * standard counts ws: as the same origin (CSP Level 3, section 6.7.2.8).
 */
const CONTENT_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join("; ");

const COMMON_HEADERS: OutgoingHttpHeaders = {
  "Cache-Control": "no-store",
  "Content-Security-Policy": CONTENT_POLICY,
  "X-Content-Type-Options": "nosniff",
  "X-Frame-Options": "DENY",
  "Referrer-Policy": "same-origin",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
};

/** An answer in JSON. */
export function json(status: number, value: unknown, headers: OutgoingHttpHeaders = {}): Answer {
  return {
    status,
    headers: { "Content-Type": "application/json; charset=utf-8", ...headers },
    body: JSON.stringify(value),
  };
}

/** The answer that tells a problem, in the form in which upgrades are refused as well. */
export function problemAnswer({ status, code, message, headers }: HttpProblem): Answer {
  return json(status, { error: { code, message } }, headers);
}

/** Writes the answer. A connection whose request was refused is closed: what it still sends is of no interest. */
export function send(request: IncomingMessage, response: ServerResponse, { status, headers, body = "" }: Answer): void {
  if (response.headersSent || response.destroyed) return;
  const hasBody = status !== 304;
  response.writeHead(status, {
    ...COMMON_HEADERS,
    ...(hasBody ? { "Content-Length": Buffer.byteLength(body) } : {}),
    ...(status >= 400 ? { Connection: "close" } : {}),
    ...headers,
  });
  response.end(hasBody && request.method !== "HEAD" ? body : undefined);
}
