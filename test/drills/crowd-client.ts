import { connect, type Client } from "@carillon/client";
import { CarillonError } from "@carillon/protocol";
import type { Balancer } from "./balancer.ts";
import type { contract } from "./contract.ts";
import type { Absence } from "./crowd-config.ts";

/** A client of a crowd, as an application runs it with the SDK; it keeps what it was told. */
export class CrowdClient {
  readonly name: string;
  readonly channel: string;
  /** Ids in the order in which they came. */
  readonly ids: string[] = [];
  gaps = 0;
  readonly absences: Absence[] = [];
  readonly published: string[] = [];
  readonly acknowledged: string[] = [];
  readonly failed: string[] = [];
  readonly #client: Client<typeof contract>;
  #isConnected = false;
  #heardAt = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: string, channel: string, balancer: Balancer) {
    this.name = name;
    this.channel = channel;
    this.#client = connect<typeof contract>({
      url: "ws://localhost/realtime",
      WebSocket: balancer.socketClass(() => {
        const absence = this.absences.at(-1);
        if (absence !== undefined && absence.backAt === null) absence.attempts++;
      }),
      ticket: () =>
        balancer.get(`/ticket?user=${name}`).catch((cause: unknown) => {
          throw new CarillonError("unavailable", "No ticket.", { cause, retry: true });
        }),
    });
    this.#client.on("error", () => {});
    this.#client.on("state", ({ state, code }) => this.#changed(state === "connected", code));
    const log = this.#log;
    log.on("publication", ({ id }) => this.#told(id));
    log.on("gap", () => this.gaps++);
  }

  /** Publishes that wait for their outcome. */
  get pending(): number {
    return this.published.length - this.acknowledged.length - this.failed.length;
  }

  /** Resolves when it is connected and subscribed, and present if it is to be. */
  async open(isMember: boolean): Promise<void> {
    await this.#log.subscribe();
    if (isMember) await this.#log.presence.enter({ name: this.name });
  }

  /** Publishes every so often, for the first time after a delay. */
  publishEvery(everyMs: number, delayMs: number): void {
    this.#timer = setTimeout(() => {
      this.#publish();
      this.publishEvery(everyMs, everyMs);
    }, delayMs);
  }

  /** Publishes nothing more. */
  settle(): void {
    clearTimeout(this.#timer);
  }

  get #log() {
    return this.#client.channel(this.channel as "feed:0");
  }

  #publish(): void {
    const n = this.published.length + 1;
    const id = `${this.name}-${n}`;
    this.published.push(id);
    this.#log.publish({ by: this.name, n }, { id }).then(
      () => this.acknowledged.push(id),
      (error: unknown) => this.failed.push(error instanceof CarillonError ? error.code : String(error)),
    );
  }

  #told(id: string): void {
    this.ids.push(id);
    this.#heardAt = Date.now();
    const absence = this.absences.at(-1);
    if (absence !== undefined) absence.againAt ??= this.#heardAt;
  }

  #changed(isConnected: boolean, code: number | undefined): void {
    const now = Date.now();
    const absence = this.absences.at(-1);
    if (isConnected && absence !== undefined) absence.backAt ??= now;
    if (this.#isConnected && !isConnected) {
      this.absences.push({
        client: this.name,
        code,
        lostAt: now,
        heardAt: this.#heardAt,
        backAt: null,
        againAt: null,
        attempts: 0,
      });
    }
    this.#isConnected = isConnected;
  }
}
