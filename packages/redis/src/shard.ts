import type { Logger, Ports, Timer } from "@carillon/server/backplane";
import { Unreachable } from "./broker-failure.ts";
import { Link } from "./link.ts";
import { Listener } from "./listener.ts";
import { loadScripts } from "./scripts.ts";
import { checkServer } from "./server-check.ts";
import type { DriverOptions } from "./server-address.ts";

/** What a shard tells. */
interface ShardEvents {
  readonly onMessage: (name: string, message: Buffer) => void;
  readonly onActive: (names: readonly string[]) => void;
  /** A connection came up or went down. */
  readonly onChange: () => void;
  readonly onMoved: () => void;
}

/** What a shard is made of. */
export interface ShardContext {
  readonly server: DriverOptions;
  readonly ports: Ports;
  readonly logger: Logger;
  /** For how long no answer may come while calls wait for one. */
  readonly timeoutMs: number;
  /** For how long calls wait for a connection that was lost before they fail. */
  readonly patienceMs: number;
  readonly events: ShardEvents;
}

/** A silent listener is found out sooner than a slow command: nothing else would tell of what it misses (P6). */
const LISTENER_TIMEOUT_MS = 1_000;

/** One server with its two connections: one for calls, one that listens. */
export class Shard {
  readonly link: Link;
  readonly listener: Listener;
  readonly #context: ShardContext;
  #waiting: (() => void)[] = [];
  #patience: Timer | null = null;
  /** True once calls have waited long enough: until the connection is up, they fail at once. */
  #isGivenUp = false;

  constructor(context: ShardContext) {
    this.#context = context;
    const { server, ports, logger, timeoutMs, events } = context;
    this.link = new Link({
      server,
      ports,
      logger,
      timeoutMs,
      prepare: async (redis) => {
        await checkServer(redis);
        await loadScripts(redis);
      },
      onUp: () => {
        this.#isGivenUp = false;
        this.#settle();
        events.onChange();
      },
      onDown: () => {
        this.#loseBy();
        events.onChange();
      },
    });
    const { onMessage, onActive, onChange, onMoved } = events;
    this.listener = new Listener(
      { server, ports, logger, timeoutMs: Math.min(LISTENER_TIMEOUT_MS, timeoutMs) },
      { onMessage, onActive, onMoved, onUp: onChange, onDown: onChange },
    );
  }

  /** True while both connections are up. */
  get isUp(): boolean {
    return this.link.isUp && this.listener.isUp;
  }

  open(): void {
    this.#loseBy();
    this.link.open();
    this.listener.open();
  }

  /** Resolves once calls can be made; rejects with {@link Unreachable} after a bounded wait. */
  async ready(): Promise<void> {
    if (this.link.isUp) return;
    if (!this.#isGivenUp) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (!this.link.isUp) throw new Unreachable();
  }

  /** Both connections are made anew: the server is not what it was. */
  reset(): void {
    this.link.reset();
    this.listener.reset();
  }

  close(): void {
    this.#patience?.cancel();
    this.link.close();
    this.listener.close();
    this.#isGivenUp = true;
    this.#settle();
  }

  #loseBy(): void {
    this.#patience?.cancel();
    this.#patience = this.#context.ports.after(this.#context.patienceMs, () => {
      this.#isGivenUp = !this.link.isUp;
      this.#settle();
    });
  }

  #settle(): void {
    this.#patience?.cancel();
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
