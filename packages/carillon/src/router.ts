import type { IncomingMessage } from "node:http";
import { HttpProblem, type Answer, type Handler } from "./answer.ts";

/** Handlers of one path by method. `GET` serves `HEAD` as well; the body is left out when the answer is written. */
export type Route = Readonly<Partial<Record<"GET" | "POST", Handler>>>;

/** Finds the handler of a request by its exact path. Nothing is decoded, so no two spellings name one route. */
export class Router {
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #pages: readonly (readonly [prefix: string, path: string])[];

  /** `pages`: every path that begins with the prefix and has no route of its own is answered as another path is. */
  constructor(
    routes: Iterable<readonly [path: string, route: Route]>,
    pages: readonly (readonly [prefix: string, path: string])[] = [],
  ) {
    this.#routes = new Map(routes);
    this.#pages = pages;
  }

  /** Throws a {@link HttpProblem} for an unknown path (404) and for a method that it does not have (405). */
  answer(request: IncomingMessage): Answer | Promise<Answer> {
    const path = pathOf(request);
    const page = this.#pages.find(([prefix]) => path.startsWith(prefix))?.[1] ?? path;
    const route = this.#routes.get(path) ?? this.#routes.get(page);
    if (route === undefined) throw new HttpProblem(404, "not_found", "Nothing is served on this path.");
    const handler = handlerOf(route, request.method);
    if (handler !== undefined) return handler(request);
    const allowed = Object.keys(route).flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
    throw new HttpProblem(405, "wrong_method", `Expected the method ${allowed.join(" or ")}.`, {
      headers: { Allow: allowed.join(", ") },
    });
  }
}

/** The path of a request, without its query. */
export function pathOf(request: IncomingMessage): string {
  const [path = ""] = (request.url ?? "").split("?", 1);
  return path;
}

function handlerOf(route: Route, method: string | undefined): Handler | undefined {
  if (method === "GET" || method === "HEAD") return route.GET;
  return method === "POST" ? route.POST : undefined;
}
