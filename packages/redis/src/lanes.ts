import {
  OUT_OF_ORDER,
  type AppendRequest,
  type AppendResult,
  type ApplyRequest,
  type Failure,
  type Ports,
} from "@carillon/server/backplane";
import { RETRYABLE_CODES } from "@carillon/protocol";
import { TOO_LATE } from "./broker-failure.ts";

/** Requests in one call at most, and bytes of payload: Redis does nothing else meanwhile. */
const CALL_REQUESTS = 128;
const CALL_BYTES = 262_144;

/** An append on its way. */
export interface QueuedAppend {
  readonly kind: "append";
  readonly request: AppendRequest;
  /** True: there is room to remember its id. */
  readonly hasRoom: boolean;
  readonly bytes: number;
  readonly sinceMs: number;
}

/** A change of state on its way. */
export interface QueuedApply {
  readonly kind: "apply";
  readonly request: ApplyRequest;
  readonly bytes: number;
  readonly sinceMs: number;
}

/** A question that has to come behind what was handed in before it. */
interface QueuedQuestion {
  readonly kind: "ask";
  /** Asks and answers; never rejects. */
  readonly run: () => Promise<void>;
  readonly refuse: (failure: Failure) => void;
  readonly bytes: number;
  readonly sinceMs: number;
}

type Queued = QueuedAppend | QueuedApply | QueuedQuestion;

/** What a lane has done, and is told of. Both kinds of work answer every request, in order, before they resolve; neither rejects. */
export interface LaneWork {
  appends(channel: string, batch: readonly QueuedAppend[]): Promise<void>;
  applies(channel: string, batch: readonly QueuedApply[]): Promise<void>;
  /** An append was refused here, and never sent. */
  refused(queued: QueuedAppend): void;
}

/** Bounds of what may wait. */
export interface LaneBounds {
  readonly requests: number;
  readonly bytes: number;
  /** What has waited longer is not sent any more. */
  readonly waitMs: number;
}

/**
 * What is on its way to Redis: one lane per channel, one call under way in each. What comes in meanwhile makes the next
 * call, so that batches grow with the load; channels do not wait for each other. When an append fails in a way that
 * invites a repetition, those behind it of the same scope fail too, or they would overtake it (P2).
 */
export class Lanes {
  readonly #lanes = new Map<string, Queued[]>();
  readonly #busy = new Set<string>();
  readonly #ports: Ports;
  readonly #work: LaneWork;
  readonly #bounds: LaneBounds;
  #requests = 0;
  #bytes = 0;
  #whenEmpty: (() => void)[] = [];

  constructor(ports: Ports, work: LaneWork, bounds: LaneBounds) {
    this.#ports = ports;
    this.#work = work;
    this.#bounds = bounds;
  }

  /** True while there is room for one more. */
  get hasRoom(): boolean {
    return this.#requests < this.#bounds.requests && this.#bytes < this.#bounds.bytes;
  }

  /** Puts something behind what the channel has. It is sent with the next {@link Lanes.start}. */
  add(channel: string, queued: Queued): void {
    const lane = this.#lanes.get(channel);
    if (lane === undefined) this.#lanes.set(channel, [queued]);
    else lane.push(queued);
    this.#requests++;
    this.#bytes += queued.bytes;
  }

  /** Sends what waits in a channel, unless something is under way. */
  start(channel: string): void {
    if (this.#busy.has(channel)) return;
    this.#busy.add(channel);
    void this.#drain(channel);
  }

  /** Resolves when nothing waits any more. */
  async empty(): Promise<void> {
    if (this.#lanes.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** An append failed: those behind it of its scope fail as well. */
  holdBack(channel: string, scopes: ReadonlySet<string>): void {
    const lane = this.#lanes.get(channel);
    if (lane === undefined || scopes.size === 0) return;
    const held: QueuedAppend[] = [];
    const kept = lane.filter((queued) => {
      const isHeld = queued.kind === "append" && scopes.has(queued.request.idempotency?.scope ?? "");
      if (isHeld) held.push(queued);
      return !isHeld;
    });
    lane.splice(0, lane.length, ...kept);
    for (const queued of held) {
      this.#count(queued);
      this.#work.refused(queued);
      queued.request.done(OUT_OF_ORDER);
    }
  }

  async #drain(channel: string): Promise<void> {
    const lane = this.#lanes.get(channel) ?? [];
    for (let first = lane[0]; first !== undefined; first = lane[0]) {
      if (this.#ports.monotonicMs() - first.sinceMs > this.#bounds.waitMs) this.#giveUp(channel, lane);
      else await this.#send(channel, lane, first);
    }
    this.#lanes.delete(channel);
    this.#busy.delete(channel);
    if (this.#lanes.size === 0) for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  /** Makes one call. What is under way takes room until it is answered. */
  async #send(channel: string, lane: Queued[], first: Queued): Promise<void> {
    if (first.kind === "ask") {
      lane.shift();
      await first.run();
      return this.#count(first);
    }
    if (first.kind === "append") {
      const batch = this.#takeLike(lane, first);
      await this.#work.appends(channel, batch);
      for (const queued of batch) this.#count(queued);
      return;
    }
    const batch = this.#takeLike(lane, first);
    await this.#work.applies(channel, batch);
    for (const queued of batch) this.#count(queued);
  }

  #takeLike<Q extends QueuedAppend | QueuedApply>(lane: Queued[], first: Q): Q[] {
    const batch: Q[] = [];
    let bytes = 0;
    for (const queued of lane) {
      bytes += queued.bytes;
      if (!isLike(queued, first) || batch.length === CALL_REQUESTS) break;
      if (bytes > CALL_BYTES && batch.length > 0) break;
      // How a channel behaves comes with each request, and a call has one answer to that.
      if (queued.request.options !== first.request.options && !isSame(queued.request.options, first.request.options))
        break;
      batch.push(queued);
    }
    lane.splice(0, batch.length);
    return batch;
  }

  #count(queued: Queued): void {
    this.#requests--;
    this.#bytes -= queued.bytes;
  }

  #giveUp(channel: string, lane: Queued[]): void {
    const [first] = lane;
    if (first === undefined) return;
    lane.shift();
    this.#count(first);
    if (first.kind === "append") {
      this.#work.refused(first);
      first.request.done(TOO_LATE);
      this.holdBack(channel, new Set([first.request.idempotency?.scope ?? ""]));
    } else if (first.kind === "apply") first.request.done(TOO_LATE);
    else first.refuse(TOO_LATE);
  }
}

function isSame(one: AppendRequest["options"], other: AppendRequest["options"]): boolean {
  return (
    one.historySize === other.historySize &&
    one.historyTtlMs === other.historyTtlMs &&
    one.ttlMs === other.ttlMs &&
    one.kind === other.kind
  );
}

/** Scopes in which an append failed in a way that invites a repetition. */
export class FailedScopes {
  readonly scopes: Set<string> = new Set<string>();

  /** Notes the result of a request, and returns it. */
  note(request: AppendRequest, result: AppendResult): AppendResult {
    if (!result.ok && RETRYABLE_CODES.includes(result.code)) this.scopes.add(request.idempotency?.scope ?? "");
    return result;
  }

  /** The failure of a whole call, for one request of it: the first of each scope is to be sent again, then the others. */
  share(request: AppendRequest, failure: Failure): Failure {
    const scope = request.idempotency?.scope ?? "";
    return this.scopes.has(scope) ? OUT_OF_ORDER : failure;
  }
}

function isLike<Q extends Queued>(queued: Queued, first: Q): queued is Q {
  return queued.kind === first.kind;
}
