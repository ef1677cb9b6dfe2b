import { CarillonError, type PublishResult } from "@carillon/protocol";
import { isText } from "./fields.ts";
import type { Answer, Link } from "./link.ts";
import { byteLength, type Payload } from "./payload.ts";
import type { Cancel, ClientPorts } from "./ports.ts";
import { TimerSet } from "./timer-set.ts";
import type { Welcome } from "./welcome.ts";

/** Takes the outcome of a publish or an amendment. */
export type Published = (outcome: PublishResult | CarillonError) => void;

/** Bounds of a publish queue. */
export interface PublishQueueLimits {
  /** Most publications that wait for their confirmation. */
  readonly publicationsMax: number;
  /** Most bytes of them. */
  readonly bytesMax: number;
}

/** What a publish queue needs of its instance. */
export interface PublishQueueHost {
  link(): Link | null;
  /** The last connect reply. */
  readonly welcome: Welcome | null;
}

/** What the first attempt was made under, as the client knows it. */
interface Attempt {
  readonly epoch: string;
  readonly instance: string;
  /** Server time as estimated. */
  readonly at: number;
  readonly sinceMs: number;
}

interface Item {
  readonly command: object;
  readonly payload: Payload;
  readonly bytes: number;
  readonly settle: Published;
  /** Null: the server has surely not taken it. */
  attempt: Attempt | null;
  /** True from the first time that it was sent. */
  wasSent: boolean;
  isInFlight: boolean;
}

/** The publications of one channel that are not confirmed, in order. */
interface Lane {
  readonly channel: string;
  readonly items: Set<Item>;
  inFlight: number;
  /** True after a failure that may pass: nothing is sent until all replies are in and a pause is over. */
  isHeld: boolean;
  /** Failures in a row. */
  attempt: number;
}

/** Bytes that an item takes beside its payload, roughly. */
const OVERHEAD_BYTES = 200;
/** Replies after which it is certain that the server has not taken the publication. */
const NOT_TAKEN: readonly string[] = ["out_of_order", "limit_exceeded", "overloaded"];

/**
 * The publish queue: publications and amendments that the server has not confirmed. It keeps their order within each
 * channel, sends them without waiting for each other, and sends them again, in order, on every new connection. Each
 * lands once (P3): an attempted one goes out again only while the server surely remembers the first attempt (same
 * instance, same idempotency epoch, within the window); otherwise it ends as `uncertain`.
 */
export class PublishQueue {
  readonly #ports: ClientPorts;
  readonly #limits: PublishQueueLimits;
  readonly #host: PublishQueueHost;
  readonly #timers: TimerSet;
  readonly #lanes = new Map<string, Lane>();
  #count = 0;
  #bytes = 0;
  #connectedMs = 0;

  constructor(ports: ClientPorts, limits: PublishQueueLimits, host: PublishQueueHost) {
    this.#ports = ports;
    this.#limits = limits;
    this.#host = host;
    this.#timers = new TimerSet(ports);
  }

  /** Adds a `publish` or `amend` command. The result gives it up, if it was never sent. */
  add(channel: string, command: object, payload: Payload, settle: Published): Cancel {
    const size = OVERHEAD_BYTES + byteLength(JSON.stringify(command) + payload.text) + (payload.body?.byteLength ?? 0);
    const { publicationsMax, bytesMax } = this.#limits;
    if (this.#count >= publicationsMax || this.#bytes + size > bytesMax) {
      settle(new CarillonError("queue_full", `Expected ${publicationsMax} publications, ${bytesMax} bytes at most.`));
      return () => {};
    }
    const lane = this.#lanes.get(channel) ?? { channel, items: new Set(), inFlight: 0, isHeld: false, attempt: 0 };
    this.#lanes.set(channel, lane);
    const item: Item = {
      command,
      payload,
      bytes: size,
      settle,
      attempt: null,
      wasSent: false,
      isInFlight: false,
    };
    this.#count++;
    this.#bytes += size;
    lane.items.add(item);
    this.#flush(lane);
    return () => {
      if (!item.wasSent) this.#finish(lane, item, new CarillonError("aborted", "Given up."));
    };
  }

  /** A connection stands: everything that may go out goes out. */
  connected(): void {
    this.#connectedMs = this.#ports.now();
    for (const lane of this.#lanes.values()) this.#flush(lane);
  }

  /** The link has ended, and with it the session that refused what came after a failure. */
  lost(): void {
    this.#timers.clearAll();
    for (const lane of this.#lanes.values()) lane.isHeld = false;
  }

  /** The client is disconnected: nothing will go out any more. */
  stop(error: CarillonError): void {
    for (const lane of this.#lanes.values()) {
      for (const item of lane.items) this.#finish(lane, item, item.attempt ? uncertain(error) : error);
    }
  }

  #flush(lane: Lane): void {
    const link = this.#host.link();
    const { welcome } = this.#host;
    if (!link || !welcome || lane.isHeld) return;
    for (const item of lane.items) {
      if (item.isInFlight) continue;
      if (this.#isRemembered(item, welcome)) this.#send(lane, item, link, welcome);
      else this.#finish(lane, item, uncertain());
    }
  }

  /** True if sending the item can't make it land twice. */
  #isRemembered({ attempt }: Item, { epoch, windowMs, instance, time }: Welcome): boolean {
    if (!attempt) return true;
    // By both clocks: ours may stand still while the machine sleeps.
    const ageMs = Math.max(this.#ports.now() - attempt.sinceMs, time - attempt.at);
    return attempt.epoch === epoch && attempt.instance === instance && ageMs < windowMs;
  }

  #send(lane: Lane, item: Item, link: Link, { epoch, instance, time }: Welcome): void {
    const { attempt } = item;
    const nowMs = this.#ports.now();
    const at = Math.round(time + nowMs - this.#connectedMs);
    item.attempt ??= { epoch, instance, at, sinceMs: nowMs };
    item.wasSent = item.isInFlight = true;
    lane.inFlight++;
    const resend = attempt && { resend: { epoch: attempt.epoch, at: attempt.at } };
    link.request({ ...item.command, ...resend }, item.payload, (answer) => {
      item.isInFlight = false;
      lane.inFlight--;
      this.#answered(lane, item, answer, attempt === null);
    });
  }

  #answered(lane: Lane, item: Item, answer: Answer, wasFirst: boolean): void {
    // The link broke before the reply: the next one decides.
    if (!answer || !lane.items.has(item)) return;
    if (answer instanceof CarillonError && answer.retry) {
      if (wasFirst && NOT_TAKEN.includes(answer.code)) item.attempt = null;
      this.#hold(lane, answer.retryAfterMs);
    } else {
      lane.attempt = 0;
      this.#finish(lane, item, readOutcome(answer, wasFirst));
    }
    this.#release(lane);
  }

  #hold(lane: Lane, leastMs: number | undefined): void {
    lane.isHeld = true;
    if (this.#timers.has(lane.channel)) return;
    this.#timers.retry(lane.channel, lane.attempt++, leastMs, () => this.#release(lane));
  }

  /**
   * Sends again, from the first that failed. Only when no reply is missing: what was sent behind the failed one is being
   * refused as `out_of_order`, and had a later one gone out already, it would overtake them.
   */
  #release(lane: Lane): void {
    if (!lane.isHeld || lane.inFlight || this.#timers.has(lane.channel)) return;
    lane.isHeld = false;
    this.#flush(lane);
  }

  #finish(lane: Lane, item: Item, outcome: PublishResult | CarillonError): void {
    if (!lane.items.delete(item)) return;
    this.#count--;
    this.#bytes -= item.bytes;
    if (!lane.items.size) {
      this.#lanes.delete(lane.channel);
      this.#timers.clear(lane.channel);
    }
    item.settle(outcome);
  }
}

function readOutcome(answer: Exclude<Answer, null>, wasFirst: boolean): PublishResult | CarillonError {
  // A later attempt that is refused says nothing about an earlier one: a permission may have been taken in between.
  if (answer instanceof CarillonError) return wasFirst && answer.code !== "epoch_changed" ? answer : uncertain(answer);
  const { pos, at } = answer;
  return isText(pos) ? { pos, at: Number(at) } : new CarillonError("bad_message", "Expected pos and at.");
}

function uncertain(cause?: CarillonError): CarillonError {
  return new CarillonError("uncertain", "The server may have done it.", { cause });
}
