import type { Ports } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";

/** Without a heartbeat for so long a node is dead, unless its instances' grace is longer. */
const LEASE_MS = 3_000;

/**
 * Which nodes are alive: each says so every second, and every node listens. What a node has set for its sessions ends
 * when it has been silent for the grace that its instances have, whoever notices first.
 */
export class NodeRegistry {
  readonly node: string;
  readonly #broker: Broker;
  readonly #ports: Ports;
  readonly #subject: string;
  readonly #silenceMs: number;
  /** Monotonic times. */
  readonly #heard = new Map<string, number>();
  #beatAt: number;

  constructor(broker: Broker, ports: Ports, subject: string, graceMs: number) {
    this.#broker = broker;
    this.#ports = ports;
    this.#subject = subject;
    this.#silenceMs = Math.max(LEASE_MS, graceMs);
    this.node = ports.id();
    this.#beatAt = ports.monotonicMs();
    broker.subscribe(subject, (message) => this.#heard.set(message.string(), ports.monotonicMs()));
  }

  /** Says that this node is alive, and forgets those that nobody asks for. */
  beat(): void {
    this.#broker.publish(this.#subject, this.node);
    const now = this.#ports.monotonicMs();
    // This process stood still: what others said meanwhile has not been read yet.
    if (now - this.#beatAt > LEASE_MS / 2) this.forgiveAll();
    this.#beatAt = now;
    for (const [node, at] of this.#heard) if (at + 10 * this.#silenceMs < now) this.#heard.delete(node);
  }

  /** True if nothing was heard of a node for too long. One that is asked for the first time gets the whole time. */
  isDead(node: string): boolean {
    if (node === this.node) return false;
    const now = this.#ports.monotonicMs();
    const heardAt = this.#heard.get(node);
    if (heardAt === undefined) this.#heard.set(node, now);
    return heardAt !== undefined && heardAt + this.#silenceMs <= now;
  }

  /** While nothing could be heard, silence proves nothing. */
  forgiveAll(): void {
    const now = this.#ports.monotonicMs();
    for (const node of this.#heard.keys()) this.#heard.set(node, now);
  }
}
