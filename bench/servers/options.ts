import type { Server } from "node:http";

/** The port and the options on the command line of a server of a benchmark. */
export function serverOptions(): { readonly port: number; readonly options: Readonly<Record<string, unknown>> } {
  const [port = "", json = "{}"] = process.argv.slice(2);
  const options: unknown = JSON.parse(json);
  return {
    port: Number(port),
    options: Object.fromEntries(Object.entries(typeof options === "object" && options !== null ? options : {})),
  };
}

/** As deep as the system allows, since a swarm connects at once; the same for all. */
const BACKLOG = 4_096;

/** Listens where the benchmark expects it, and stops when it is told to. */
export function listen(http: Server, port: number): void {
  http.listen({ port, host: "127.0.0.1", backlog: BACKLOG });
  process.on("SIGTERM", () => process.exit(0));
}

/** Answers `/collect`: collects all garbage, so that memory is what is held. */
export function answerCollect(http: Server): void {
  http.on("request", (request, response) => {
    if (request.url !== "/collect") return;
    // Twice: what finalizers let go of in the first is freed in the second.
    globalThis.gc?.();
    globalThis.gc?.();
    response.end("collected");
  });
}

/** Answers `/tickets?count=` with so many credentials, one a line. */
export function answerTickets(http: Server, issue: (index: number) => Promise<string>): void {
  let issued = 0;
  http.on("request", (request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    if (url.pathname !== "/tickets") return;
    const count = Number(url.searchParams.get("count"));
    const tickets = Array.from({ length: count }, () => issue(issued++));
    void Promise.all(tickets).then((lines) => response.end(lines.join("\n")));
  });
}
