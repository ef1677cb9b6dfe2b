import type { Failure, Logger, Ports } from "@carillon/server/backplane";
import type { Environment, Write } from "./environment.ts";
import { failureOf } from "./commit-failure.ts";
import type { Key } from "./layout.ts";

/** Something whose state is written once per commit, however often it changes in it. */
export interface Head {
  /** The commit is closed: returns what to write, and remembers it until it is stored or dropped. */
  seal(): readonly Write[];
  /** The oldest sealed state is durable. */
  stored(): void;
  /** Nothing that was not stored will be: back to what is durable. */
  dropped(): void;
}

/** Told once whether what was written before is durable: null, or why it never will be. */
export type Settled = (failure: Failure | null) => void;

/** Writes of one commit at most: some milliseconds of work for the thread that serves everybody. */
const WRITES_MAX = 4_096;
/** Bytes that may wait for the disk; beyond, requests are refused until some are written. */
const WAITING_BYTES_MAX = 67_108_864;
/** After a failed commit nothing is tried for this long: what is on its way from before it must not overtake (P2). */
const PAUSE_MS = 250;
/** Longer keys LMDB refuses, and it would do so in the middle of a commit. */
const KEY_BYTES_MAX = 1_900;
/** What a write costs beside its key and value. */
const WRITE_BYTES = 64;

/** The value of a key from now on, and what it is part of. */
interface Decision {
  readonly key: Key;
  value: Uint8Array | null;
  readonly layer: Layer;
}

/** What goes to disk together. */
interface Layer {
  readonly writes: Decision[];
  readonly heads: Set<Head>;
  /** What the heads were when the layer was closed; null while it is open. */
  sealed: readonly Write[] | null;
  readonly settled: Settled[];
  bytes: number;
}

/**
 * What is decided and not yet durable, in layers; each becomes one commit, one after the other. Whoever decides sees its
 * own decisions (`get`), and whoever reads sees what is durable (the environment itself). While a commit is under way the
 * next layer fills, so the slower the disk, the more a commit carries: durability costs the latency of one sync, not
 * throughput. If a commit fails, everything behind it fails too, since it was decided on top of it (P2).
 */
export class WriteQueue {
  readonly #environment: Environment;
  readonly #ports: Ports;
  readonly #logger: Logger;
  readonly #available: (isAvailable: boolean) => void;
  /** The latest decision for each key, and the layer it is in. */
  readonly #ahead = new Map<Key, Decision>();
  /** Sealed or full, oldest first, the open one last. */
  readonly #layers: Layer[] = [emptyLayer()];
  #inFlight: Layer | null = null;
  #isScheduled = false;
  #bytes = 0;
  #pausedUntil = 0;
  #isAvailable = true;
  /** Set for good when another process has taken the folder over, or when the queue was closed. */
  #ended: Failure | null = null;
  #whenIdle: (() => void) | null = null;

  constructor(environment: Environment, ports: Ports, logger: Logger, available: (isAvailable: boolean) => void) {
    this.#environment = environment;
    this.#ports = ports;
    this.#logger = logger;
    this.#available = available;
  }

  /** Identity of the open layer: what is written while it stays the same becomes durable together. */
  get layer(): object {
    return this.#open;
  }

  /** Why nothing can be taken now, null if it can. */
  get refusal(): Failure | null {
    if (this.#ended !== null) return this.#ended;
    if (this.#ports.monotonicMs() < this.#pausedUntil) return PAUSED;
    return this.#bytes < WAITING_BYTES_MAX ? null : FULL;
  }

  /** The value that the key has, or will have once everything decided so far is durable. */
  get(key: Key): Uint8Array | undefined {
    const decision = this.#ahead.size === 0 ? undefined : this.#ahead.get(key);
    return decision === undefined ? this.#environment.get(key) : (decision.value ?? undefined);
  }

  /** The value that was decided for the key and is not durable yet; undefined if there is none. */
  decided(key: Key): Uint8Array | undefined {
    return this.#ahead.get(key)?.value ?? undefined;
  }

  /** Decides a value; null: none. */
  write(key: Key, value: Uint8Array | null): void {
    if (key.length > KEY_BYTES_MAX) throw new RangeError(`Expected a key of at most ${KEY_BYTES_MAX} bytes.`);
    const layer = this.#open;
    const earlier = this.#ahead.get(key);
    if (earlier?.layer === layer) earlier.value = value;
    else {
      const decision: Decision = { key, value, layer };
      layer.writes.push(decision);
      this.#ahead.set(key, decision);
    }
    const bytes = WRITE_BYTES + key.length + (value?.byteLength ?? 0);
    layer.bytes += bytes;
    this.#bytes += bytes;
    this.#schedule();
  }

  /** Has the head written with the open layer. */
  touch(head: Head): void {
    this.#open.heads.add(head);
    this.#schedule();
  }

  /** Calls back once the open layer is durable, or has failed; in the order of the calls. */
  settled(callback: Settled): void {
    this.#open.settled.push(callback);
    this.#schedule();
  }

  /** Calls back once everything written so far has ended, well or not; at once if nothing is under way. */
  afterAll(callback: () => void): void {
    if (this.#inFlight === null && this.#layers.length === 1 && isEmpty(this.#open)) callback();
    else this.settled(callback);
  }

  /** Ends the open layer if it has enough. Call it between requests, never within one. */
  split(): void {
    if (this.#open.writes.length < WRITES_MAX) return;
    seal(this.#open);
    this.#layers.push(emptyLayer());
  }

  /** Takes nothing more, and calls back once everything that was taken is settled. */
  close(done: () => void): void {
    this.#ended ??= CLOSED;
    this.#whenIdle = done;
    this.#start();
  }

  get #open(): Layer {
    return this.#layers[this.#layers.length - 1]!;
  }

  /** The commit starts after whatever else is decided in this call of the event loop. */
  #schedule(): void {
    if (this.#isScheduled || this.#inFlight !== null) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#inFlight !== null) return;
    const [layer] = this.#layers;
    if (layer === undefined || isEmpty(layer)) {
      const done = this.#whenIdle;
      this.#whenIdle = null;
      return done?.();
    }
    this.#layers.shift();
    if (this.#layers.length === 0) this.#layers.push(emptyLayer());
    this.#inFlight = layer;
    const heads = seal(layer);
    if (heads.length + layer.writes.length === 0) return this.#stored(layer);
    this.#environment.commit(layer.writes, heads).then(
      (isOurs) => (isOurs ? this.#stored(layer) : this.#shutOut()),
      (error: unknown) => this.#failed(error),
    );
  }

  #stored(layer: Layer): void {
    this.#inFlight = null;
    this.#bytes -= layer.bytes;
    for (const decision of layer.writes)
      if (this.#ahead.get(decision.key) === decision) this.#ahead.delete(decision.key);
    for (const head of layer.heads) head.stored();
    // The disk has the next layer before anybody is told of this one: it works while they are.
    this.#start();
    if (!this.#isAvailable) this.#setAvailable(true);
    for (const settled of layer.settled) settled(null);
  }

  #shutOut(): void {
    this.#logger.error("Another process has taken over the folder of the store; this server can't write any more.");
    this.#ended = SHUT_OUT;
    this.#drop(SHUT_OUT);
  }

  #failed(error: unknown): void {
    const failure = failureOf(error, this.#environment.path);
    this.#logger.error("The store could not write.", { error: String(error), answer: failure.message });
    this.#drop(failure);
  }

  /** Fails the commit that was under way and everything that waits behind it. */
  #drop(failure: Failure): void {
    const layers = [...(this.#inFlight === null ? [] : [this.#inFlight]), ...this.#layers];
    this.#inFlight = null;
    this.#layers.splice(0, this.#layers.length, emptyLayer());
    this.#ahead.clear();
    this.#bytes = 0;
    this.#pausedUntil = this.#ports.monotonicMs() + PAUSE_MS;
    if (this.#isAvailable) this.#setAvailable(false);
    for (const { heads } of layers) for (const head of heads) head.dropped();
    for (const { settled } of layers) for (const callback of settled) callback(failure);
    this.#start();
  }

  #setAvailable(isAvailable: boolean): void {
    this.#isAvailable = isAvailable;
    this.#available(isAvailable);
  }
}

const PAUSED: Failure = {
  ok: false,
  code: "unavailable",
  message: "The store could not write a moment ago; try again.",
};
const FULL: Failure = {
  ok: false,
  code: "overloaded",
  message: "The disk of the store can't keep up; try again later.",
};
const SHUT_OUT: Failure = {
  ok: false,
  code: "unavailable",
  message: "Another process has taken over the folder of the store.",
};
const CLOSED: Failure = { ok: false, code: "unavailable", message: "The store is closed." };

function emptyLayer(): Layer {
  return { writes: [], heads: new Set(), sealed: null, settled: [], bytes: 0 };
}

/** Heads go on changing with the next layer, so what belongs to this one is taken now. */
function seal(layer: Layer): readonly Write[] {
  layer.sealed ??= [...layer.heads].flatMap((head) => head.seal());
  return layer.sealed;
}

function isEmpty({ writes, heads, settled }: Layer): boolean {
  return writes.length === 0 && heads.size === 0 && settled.length === 0;
}
