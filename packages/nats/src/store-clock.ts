import type { Ports } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";
import { Trouble } from "./store-error.ts";
import type { Stream } from "./stream.ts";

/** Comparisons with the clock of NATS; the one with the quickest answer counts. */
const SAMPLES = 3;

/**
 * The clock of the store: that of NATS, as this node estimates it. A node with a wrong clock would otherwise end other
 * nodes' entries early, or let tickets live too long. NATS 2.9 says its time only with a message that it has stored, so
 * one is stored to ask; between questions the monotonic clock goes on from there.
 */
export class StoreClock {
  readonly #broker: Broker;
  readonly #ports: Ports;
  readonly #stream: Stream;
  readonly #subject: string;
  #offsetMs: number;

  constructor(broker: Broker, ports: Ports, stream: Stream, subject: string) {
    this.#broker = broker;
    this.#ports = ports;
    this.#stream = stream;
    this.#subject = subject;
    this.#offsetMs = ports.wallMs() - ports.monotonicMs();
  }

  /** Store time in milliseconds since 1970. */
  now(): number {
    return Math.floor(this.#ports.monotonicMs() + this.#offsetMs);
  }

  /** Compares with NATS. Rejects with a {@link Trouble}. */
  async compare(): Promise<void> {
    let quickest = Infinity;
    for (let sample = 0; sample < SAMPLES; sample++) {
      const before = this.#ports.monotonicMs();
      const published = await this.#stream.publish(this.#subject, "", null);
      const tookMs = this.#ports.monotonicMs() - before;
      if (!published.ok || tookMs >= quickest) continue;
      const at = await this.#timeOf(published.seq);
      if (at === null) continue;
      quickest = tookMs;
      this.#offsetMs = at - (before + tookMs / 2);
    }
    if (quickest === Infinity) throw new Trouble("unavailable", "NATS does not say what time it is.");
  }

  async #timeOf(seq: number): Promise<number | null> {
    const answer = await this.#broker.api(`STREAM.MSG.GET.${this.#stream.name}`, { seq });
    const { message } = answer;
    const at = message === undefined ? Number.NaN : Date.parse(message.time);
    return Number.isNaN(at) ? null : at;
  }
}
