import type {
  AppendResult,
  BackplaneContext,
  ChannelOptions,
  ChannelRecord,
  ControlMessage,
  OpenBackplane,
} from "@carillon/server/backplane";
import {
  appendAll,
  appendRequest,
  DEFAULT_LIMITS,
  systemPorts,
  type AppendGiven,
  type Fault,
  type Limits,
} from "@carillon/server/testing";

/** A log that keeps what a test publishes. */
export const LOG: ChannelOptions = {
  kind: "log",
  historySize: 10_000,
  historyTtlMs: 3_600_000,
  ttlMs: 0,
  owned: false,
};
/** A state channel whose entries belong to instances. */
export const OWNED: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };

/** Failures that end when the broker is back. */
const PASSING: ReadonlySet<string> = new Set(["unavailable", "timeout", "overloaded", "out_of_order"]);
/** Attempts to publish at most, and the time between two, in milliseconds. */
const TRIES_MAX = 500;
const AGAIN_MS = 20;

/** What was delivered at once. */
interface Delivered {
  readonly channel: string;
  readonly prev: string;
  readonly pos: string;
  readonly records: readonly ChannelRecord[];
}

/** What a test says of a publish. */
export type Publish = Partial<AppendGiven> & { readonly channel: string; readonly id: string };

/** A node without a server around it: a store in the real world, and everything that it was told. */
export class ToldStore implements AsyncDisposable {
  readonly deliveries: Delivered[] = [];
  /** Times are of `performance.now()`. */
  readonly suspects: { readonly channel: string; readonly atMs: number }[] = [];
  readonly availability: boolean[] = [];
  readonly controls: ControlMessage[] = [];
  readonly lost: (readonly string[] | null)[] = [];
  /** What it was told, in order: `control`, `deliver` and `lost`. */
  readonly told: string[] = [];
  readonly logged: string[] = [];
  /** Of these, warnings and errors. */
  readonly warnings: string[] = [];
  #opened: OpenBackplane | null = null;

  get backplane(): OpenBackplane {
    if (this.#opened === null) throw new Error("Expected an open store.");
    return this.#opened;
  }

  isSuspect(channel: string): boolean {
    return this.suspects.some((suspect) => suspect.channel === channel);
  }

  /** Appends one batch, each under an idempotency key of one instance unless it says otherwise. */
  append(batch: readonly Publish[]): Promise<AppendResult[]> {
    const requests = batch.map((given) => {
      const idempotency = { scope: "i:i_1", fingerprint: given.id, resend: null };
      return appendRequest({ options: LOG, idempotency, ...given });
    });
    return appendAll(this.backplane.channels, requests);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    if (opened !== null) await new Promise<void>((resolve) => opened.close(resolve));
  }

  /** What a client does: it sends a publish again, a while later, until it knows how it ended. Resolves to the success. */
  protected async untilKnown(attempt: (tries: number) => Publish): Promise<Extract<AppendResult, { ok: true }>> {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const [result] = await this.append([attempt(tries)]);
      if (result?.ok === true) return result;
      const code = result?.code ?? "no result";
      if (!PASSING.has(code)) throw new Error(`Expected to be let in in the end, got ${code}.`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
    throw new Error(`Expected a publish to be accepted within ${TRIES_MAX} attempts.`);
  }

  /** Ids of what was delivered in a channel, in order. */
  protected idsDelivered(channel: string): string[] {
    return this.deliveries.filter((one) => one.channel === channel).flatMap(({ records }) => idsOf(records));
  }

  /** Opens the store, and notes what it is told from then on. */
  protected async open(
    how: (context: BackplaneContext) => Promise<OpenBackplane>,
    limits: Partial<Limits>,
    faults: readonly Fault[],
  ): Promise<void> {
    const note = (message: string): void => void this.logged.push(message);
    const warn = (message: string): void => {
      note(message);
      this.warnings.push(message);
    };
    this.#opened = await how({
      ports: systemPorts(),
      limits: { ...DEFAULT_LIMITS, ...limits },
      logger: { debug: note, info: note, warn, error: warn },
      faults: new Set(faults),
      sink: {
        deliver: (channel, prev, pos, records) => {
          this.told.push("deliver");
          this.deliveries.push({ channel, prev, pos, records });
        },
        suspect: (channel) => this.suspects.push({ channel, atMs: performance.now() }),
        available: (isAvailable) => this.availability.push(isAvailable),
        ownershipLost: (channels) => {
          this.told.push("lost");
          this.lost.push(channels);
        },
      },
      onControl: (message) => {
        this.told.push("control");
        this.controls.push(message);
      },
    });
  }
}

/** What records are called: ids of publications, keys of entries. */
export function idsOf(records: readonly ChannelRecord[]): string[] {
  return records.map((record) => ("id" in record ? record.id : record.key));
}
