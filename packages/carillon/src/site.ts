import type { IncomingMessage } from "node:http";
import { HttpProblem, json, type Answer } from "./answer.ts";
import { pathOf, Router } from "./router.ts";

/** `/healthz` says it. */
type Phase = "starting" | "ok" | "draining" | "closed";

/**
 * Health, and behind it the routes.
 *
 * - `/healthz`: 200 from the start's end to the stop's beginning, whatever becomes of the store: a server that lost it keeps
 *   its connections and heals by itself, so nobody should start it anew for that.
 * - `/readyz`: 200 only while the store can be reached as well: a balancer sends whoever comes new to another server.
 *
 * While the server drains, pages and tickets are served on: balancers need a moment to notice, and a ticket is good on
 * every server.
 */
export class Site {
  #phase: Phase = "starting";
  #router: Router = new Router([]);
  #isStoreReachable: () => boolean = () => false;
  readonly #health: Router = new Router([
    ["/healthz", { GET: () => this.#report(true) }],
    ["/readyz", { GET: () => this.#report(this.#isStoreReachable()) }],
  ]);

  open(router: Router, isStoreReachable: () => boolean): void {
    this.#router = router;
    this.#isStoreReachable = isStoreReachable;
    this.#phase = "ok";
  }

  /** Clients are being told to leave. */
  drain(): void {
    this.#phase = "draining";
  }

  /** There is nothing behind the routes any more. */
  close(): void {
    this.#phase = "closed";
  }

  answer(request: IncomingMessage): Answer | Promise<Answer> {
    if (["/healthz", "/readyz"].includes(pathOf(request))) return this.#health.answer(request);
    if (this.#phase === "ok" || this.#phase === "draining") return this.#router.answer(request);
    const state = this.#phase === "starting" ? "starting" : "draining";
    throw new HttpProblem(503, state, `The server is ${state}; try again.`, { headers: { "Retry-After": "1" } });
  }

  #report(isReady: boolean): Answer {
    const store = this.#phase === "starting" ? "opening" : this.#isStoreReachable() ? "reachable" : "unreachable";
    return json(this.#phase === "ok" && isReady ? 200 : 503, { status: this.#phase, store });
  }
}
