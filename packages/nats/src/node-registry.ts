import type { ClusterNode, Ports, Timer } from "@carillon/server/backplane";
import type { Broker } from "./broker.ts";

/** Between beats. By so much earlier than a node dies may it have been heard last. */
const BEAT_MS = 400;
/** Without a heartbeat for so long a node is dead, unless its instances' grace is longer. */
const LEASE_MS = 3_000;
/** So long before the grace is over, counted from the last beat, the ends begin: by then all must be through. */
const REAPING_MS = 1_200;
/** For how long nodes are remembered that nobody hears of. */
const REMEMBER_MS = 60_000;
const SLACK_MS = 2;

/** What a registry tells. */
export interface RegistryEvents {
  /** Nodes have fallen silent: what they left is to be ended now. */
  readonly onDead: () => void;
  /** Others may have taken this node for dead. */
  readonly onSilence: () => void;
}

interface Heard {
  /** Monotonic time. */
  at: number;
  readonly since: number;
  hasLeft: boolean;
  /** Its silence was told of. */
  isTold: boolean;
}

/**
 * Which nodes are alive: each says so every 0.4 s, and every node listens, to itself as well. What a node has set for
 * its sessions ends when it has been silent for nearly the grace that its instances have; at that moment, whoever notices
 * first.
 *
 * A node begins anew, under another name, when others may have taken it for dead or the store may have gone back: what its
 * living sessions own is set again under that name, and what is left under the old one ends as that of a dead node.
 */
export class NodeRegistry {
  readonly id: string;
  readonly since: number;
  readonly #broker: Broker;
  readonly #ports: Ports;
  readonly #subject: string;
  readonly #events: RegistryEvents;
  readonly #silenceMs: number;
  readonly #heard = new Map<string, Heard>();
  /** Monotonic time from which on silence counts. */
  #listeningSince: number;
  #beatAt: number;
  #ownAt: number;
  #turn = 0;
  #beats: Timer | null = null;
  #watch: Timer | null = null;
  #isClosed = false;

  constructor(
    broker: Broker,
    ports: Ports,
    { subject, graceMs }: { readonly subject: string; readonly graceMs: number },
    events: RegistryEvents,
  ) {
    this.#broker = broker;
    this.#ports = ports;
    this.#subject = subject;
    this.#events = events;
    this.#silenceMs = Math.max(LEASE_MS, graceMs - REAPING_MS);
    this.id = ports.id();
    this.since = ports.wallMs();
    this.#listeningSince = this.#beatAt = this.#ownAt = ports.monotonicMs();
    broker.subscribe(subject, (message) => this.#hear(message.string()));
  }

  /** What this node's entries carry. */
  get node(): string {
    return `${this.id}.${this.#turn}`;
  }

  /** The nodes that were heard lately and did not leave. */
  get nodes(): readonly ClusterNode[] {
    const now = this.#ports.monotonicMs();
    const found = new Map<string, ClusterNode>([[this.id, { id: this.id, since: this.since }]]);
    for (const [node, { at, since, hasLeft }] of this.#heard) {
      const id = idOf(node);
      if (!hasLeft && at + LEASE_MS > now) found.set(id, { id, since });
    }
    return [...found.values()];
  }

  /** Begins to beat. */
  start(): void {
    this.beat();
  }

  /** Says that this node is alive, now and every 0.4 s from now. */
  beat(): void {
    if (this.#isClosed) return;
    this.#beats?.cancel();
    this.#beats = this.#ports.after(BEAT_MS, () => this.beat());
    this.#broker.publish(this.#subject, this.#message);
    const now = this.#ports.monotonicMs();
    // This process stood still: what others said meanwhile has not been read yet.
    if (now - this.#beatAt > BEAT_MS + LEASE_MS / 2) this.forgiveAll();
    this.#beatAt = now;
    for (const [node, { at }] of this.#heard) if (at + REMEMBER_MS < now) this.#heard.delete(node);
  }

  /** Begins anew under another name. */
  renew(): void {
    this.#turn++;
    this.beat();
  }

  /** Says that this node leaves. What it holds has the grace from now. */
  leave(): void {
    this.#broker.publish(this.#subject, `${this.#message} bye`);
    this.#isClosed = true;
    this.#beats?.cancel();
    this.#watch?.cancel();
  }

  /** True if nothing was heard of a node for too long. */
  isDead(node: string): boolean {
    return node !== this.node && this.#silentFrom(node) <= this.#ports.monotonicMs();
  }

  /** While nothing could be heard, silence proves nothing. */
  forgiveAll(): void {
    this.#listeningSince = this.#ports.monotonicMs();
    for (const heard of this.#heard.values()) heard.isTold = false;
    this.#watchLater();
  }

  get #message(): string {
    return `${this.node} ${this.since.toString(36)}`;
  }

  /** When a node counts as dead unless it is heard. Of one that was never heard nothing was heard since this node listens. */
  #silentFrom(node: string): number {
    return Math.max(this.#heard.get(node)?.at ?? 0, this.#listeningSince) + this.#silenceMs;
  }

  #hear(text: string): void {
    const [node = "", since = "0", bye] = text.split(" ");
    const now = this.#ports.monotonicMs();
    const isNew = !this.#heard.has(node);
    this.#heard.set(node, { at: now, since: Number.parseInt(since, 36), hasLeft: bye !== undefined, isTold: false });
    if (idOf(node) === this.id) this.#heardOwn(now);
    // Whoever has just come learns who is here, without waiting for the next beat.
    else if (isNew && bye === undefined) this.beat();
    if (isNew) this.#watchLater();
  }

  /** What was heard here was heard by the others, too: or was not, for as long as it was not heard here. */
  #heardOwn(now: number): void {
    const silentMs = now - this.#ownAt;
    this.#ownAt = now;
    if (silentMs >= this.#silenceMs - BEAT_MS) this.#events.onSilence();
  }

  #watchLater(): void {
    if (this.#isClosed) return;
    const times = [...this.#heard].flatMap(([node, { isTold }]) =>
      isTold || node === this.node ? [] : [this.#silentFrom(node)],
    );
    this.#watch?.cancel();
    this.#watch = null;
    if (times.length === 0) return;
    const delayMs = Math.max(0, Math.min(...times) - this.#ports.monotonicMs()) + SLACK_MS;
    this.#watch = this.#ports.after(delayMs, () => this.#look());
  }

  #look(): void {
    this.#watch = null;
    let isAny = false;
    for (const [node, heard] of this.#heard) {
      if (heard.isTold || !this.isDead(node)) continue;
      heard.isTold = true;
      isAny = true;
    }
    if (isAny) this.#events.onDead();
    this.#watchLater();
  }
}

/** The node of one of its names. */
function idOf(node: string): string {
  return node.slice(0, node.lastIndexOf("."));
}
