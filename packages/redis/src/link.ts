import type { Logger, Ports, Timer } from "@carillon/server/backplane";
import { Redis } from "ioredis";
import { ConnectionLost } from "./broker-failure.ts";
import type { DriverOptions } from "./server-address.ts";

/** Between attempts to connect: at once, then longer each time, with chance so that nodes do not come all together. */
const BACKOFF_MIN_MS = 25;
const BACKOFF_MAX_MS = 1_000;
/** A connection that was up for so long was a good one. */
const STEADY_MS = 1_000;
/** How often a link looks whether it is stalled. */
const WATCH_MS = 200;

/** What a link is for. */
export interface LinkOptions {
  /** Where to, and how: options of the driver. */
  readonly server: DriverOptions;
  readonly ports: Ports;
  readonly logger: Logger;
  /** A connection on which calls wait, and nothing comes in for this long, is given up. */
  readonly timeoutMs: number;
  /** Makes a new connection fit for use; it is up when this resolves. */
  readonly prepare: (redis: Redis) => Promise<void>;
  readonly onUp: () => void;
  readonly onDown: () => void;
}

/**
 * One connection to one server, made again whenever it is lost. The driver neither queues nor repeats anything: a call
 * on a lost connection fails, and whoever made it knows what that means.
 *
 *     connecting ──prepared──▶ up ──lost, or stalled──▶ waiting ──▶ connecting
 */
export class Link {
  readonly #options: LinkOptions;
  #redis: Redis | null = null;
  #isUp = false;
  #isClosed = false;
  #attempts = 0;
  #upSinceMs = 0;
  #retry: Timer | null = null;
  #watch: Timer | null = null;
  /** Calls that wait for an answer, and when something was heard last, or the first of them was made. */
  #pending = 0;
  #heardMs = 0;
  #stalled = false;
  /** The connection that was told to end. */
  #givenUp: Redis | null = null;
  /** The last look found no answer for too long. */
  #isSilent = false;
  #isGathering = false;
  #lastError: Error | null = null;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** True while calls can be made. */
  get isUp(): boolean {
    return this.#isUp;
  }

  /** Why the last attempt to connect failed. */
  get lastError(): Error | null {
    return this.#lastError;
  }

  /** The connection, while it is up. */
  get redis(): Redis | null {
    return this.#isUp ? this.#redis : null;
  }

  /** Starts to connect. */
  open(): void {
    this.#connect();
  }

  /** Makes a call. Rejects with a {@link ConnectionLost}, or with the error that the server answered. */
  async call(command: string, args: readonly (string | Buffer | number)[]): Promise<unknown> {
    const redis = this.redis;
    if (redis === null) throw new ConnectionLost("The connection is down.", false);
    this.#gather(redis);
    return this.run(redis.callBuffer(command, ...args));
  }

  /** Waits for what was begun on the connection, and watches meanwhile that answers come. */
  async run<T>(answer: Promise<T>): Promise<T> {
    if (this.#pending++ === 0) this.#heardMs = this.#options.ports.monotonicMs();
    this.#watchLater();
    try {
      return await answer;
    } catch (error) {
      throw this.#explain(error);
    } finally {
      this.#pending--;
      this.#heardMs = this.#options.ports.monotonicMs();
    }
  }

  /** Gives the connection up and makes a new one: it serves no more, or can't be trusted. */
  reset(): void {
    const redis = this.#redis;
    // Once: many calls find out at the same moment, and each disconnect of the driver leaves a timer and a listener until the end.
    if (redis === null || redis === this.#givenUp) return;
    this.#givenUp = redis;
    redis.disconnect();
  }

  /** Ends it. */
  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    this.#watch?.cancel();
    this.#watch = null;
    this.#redis?.disconnect();
  }

  /** What is asked in one go, as by many who wait for answers that came together, goes out with one system call. */
  #gather({ stream }: Redis): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    stream.cork();
    process.nextTick(() => {
      this.#isGathering = false;
      stream.uncork();
    });
  }

  #connect(): void {
    if (this.#isClosed) return;
    const { server, timeoutMs } = this.#options;
    const redis = new Redis({
      ...server,
      lazyConnect: true,
      enableReadyCheck: false,
      enableOfflineQueue: false,
      autoResubscribe: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
      connectTimeout: timeoutMs,
    });
    this.#redis = redis;
    this.#stalled = false;
    // Without a listener the driver prints errors; those that matter come with the end of the connection.
    redis.on("error", (error: Error) => {
      this.#lastError = error;
    });
    redis.once("end", () => this.#ended(redis));
    void this.#prepare(redis);
  }

  async #prepare(redis: Redis): Promise<void> {
    // A server that is stopped takes connections all the same, and says nothing.
    const { ports, timeoutMs, prepare } = this.#options;
    const timer = ports.after(timeoutMs, () => redis.disconnect());
    try {
      await redis.connect();
      await prepare(redis);
      if (this.#redis !== redis || this.#isClosed || redis.status !== "ready") return redis.disconnect();
      this.#isUp = true;
      this.#upSinceMs = ports.monotonicMs();
      this.#lastError = null;
      this.#options.onUp();
    } catch (error) {
      this.#lastError = error instanceof Error ? error : new Error(String(error));
      redis.disconnect();
      // A connection that never came about has no end to be told of.
      if (redis.status === "end") this.#ended(redis);
    } finally {
      timer.cancel();
    }
  }

  #ended(redis: Redis): void {
    if (this.#redis !== redis) return;
    this.#redis = null;
    const wasUp = this.#isUp;
    this.#isUp = false;
    if (this.#isClosed) return;
    const { ports, logger, onDown } = this.#options;
    // One that is given up again and again, as soon as it is up, must not be made in a tight loop.
    if (wasUp && ports.monotonicMs() - this.#upSinceMs > STEADY_MS) this.#attempts = 0;
    if (wasUp) {
      logger.warn("A connection to Redis was lost.", { reason: this.#stalled ? "no answer in time" : "closed" });
      onDown();
    }
    const backoffMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** this.#attempts++);
    this.#retry = ports.after(Math.max(1, backoffMs * (0.5 + ports.random() / 2)), () => this.#connect());
  }

  #watchLater(): void {
    if (this.#watch !== null || this.#isClosed) return;
    const { ports, timeoutMs } = this.#options;
    this.#watch = ports.after(WATCH_MS, () => {
      this.#watch = null;
      const wasSilent = this.#isSilent;
      this.#isSilent = this.#pending > 0 && ports.monotonicMs() - this.#heardMs > timeoutMs;
      if (this.#pending === 0) return;
      // Twice: if this process stood still, what has come meanwhile is read between the first look and the second.
      if (wasSilent && this.#isSilent) {
        this.#stalled = true;
        this.reset();
      } else this.#watchLater();
    });
  }

  #explain(error: unknown): unknown {
    const isReply = error instanceof Error && error.name === "ReplyError";
    if (isReply || error instanceof ConnectionLost) return error;
    const message = error instanceof Error ? error.message : String(error);
    return new ConnectionLost(message, this.#stalled);
  }
}
