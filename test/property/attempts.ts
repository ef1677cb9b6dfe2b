import type { Resend } from "@carillon/protocol";
import type { Judge } from "./judge.ts";
import { payloadFields, type Reply, type Shown } from "./wire.ts";

/** A publish or amendment, until it has a final answer and after. */
export interface Attempt {
  readonly channel: string;
  readonly id: string;
  /** Set for an amendment: the publication that changes. */
  readonly target: string | null;
  readonly value: Shown;
  readonly expiresInMs: number;
  /** What the first attempt was made under; null: it was not made yet. */
  first: Resend | null;
  /** `waiting`: it failed, or stands behind one that did, and goes out again later. */
  state: "queued" | "sent" | "waiting" | "done";
}

/** What the attempts need of their client. */
export interface AttemptsHost {
  readonly name: string;
  readonly judge: Judge;
  /** What attempts are made under now; null while there is no connection. */
  under(): Resend | null;
  ask(command: Readonly<Record<string, unknown>>, answered: (reply: Reply) => void): void;
  /** Later, if the connection is still the same. */
  later(delayMs: number, callback: () => void): void;
}

/** How long a client waits before it sends what failed with `retry` again. */
const RETRY_MS = 3_000;

/**
 * What a client publishes: in order, again with the same id until there is a final answer, and again in order after a
 * failure that may pass.
 */
export class Attempts {
  /** Without a final answer, in order. */
  unconfirmed: Attempt[] = [];
  /** Accepted in the present instance. */
  readonly confirmed: Attempt[] = [];
  readonly #host: AttemptsHost;

  constructor(host: AttemptsHost) {
    this.#host = host;
  }

  /** True while an answer is missing, or something is to be sent again. */
  get isBusy(): boolean {
    return this.unconfirmed.some(({ state }) => state !== "queued");
  }

  /** Publishes, now or once there is a connection. */
  add(attempt: Omit<Attempt, "first" | "state">): void {
    // Behind one that has to be sent again, it waits: sent now, it might overtake it.
    const isBehind = this.unconfirmed.some(({ channel, state }) => channel === attempt.channel && state === "waiting");
    const full: Attempt = { ...attempt, first: null, state: isBehind ? "waiting" : "queued" };
    this.unconfirmed.push(full);
    if (!isBehind) this.#send(full);
  }

  /** Sends a confirmed one once more, possibly with other data under the same id. */
  repeat(attempt: Attempt, value: Shown): void {
    if (this.#host.under() === null) return;
    const again: Attempt = { ...attempt, value };
    this.#host.ask(commandOf(again, attempt.first), ({ ok }) => {
      if (ok !== undefined) this.#host.judge.accepted(this.#host.name, again, resultOf(ok));
    });
  }

  /** There is a connection: everything goes out. */
  connected(): void {
    for (const attempt of this.unconfirmed) this.#send(attempt);
  }

  /** The connection is lost, and with it the answers. */
  lost(): void {
    for (const attempt of this.unconfirmed) attempt.state = "queued";
  }

  /** A new instance is another scope: what was attempted in the old one is uncertain, and not sent again. */
  forget(): void {
    this.confirmed.length = 0;
    this.unconfirmed = this.unconfirmed.filter(({ first }) => first === null);
  }

  #send(attempt: Attempt): void {
    const under = this.#host.under();
    if (under === null) return;
    const resend = attempt.first;
    attempt.first ??= under;
    attempt.state = "sent";
    this.#host.ask(commandOf(attempt, resend), ({ ok, error }) => {
      if (error?.retry === true) {
        attempt.state = "waiting";
        return this.#retryLater(attempt.channel);
      }
      attempt.state = "done";
      this.unconfirmed = this.unconfirmed.filter((other) => other !== attempt);
      if (ok === undefined) return;
      this.#host.judge.accepted(this.#host.name, attempt, resultOf(ok));
      this.confirmed.push(attempt);
    });
  }

  /** Sends again all that wait, in their order, once no answer is missing: what is under way is refused as well. */
  #retryLater(channel: string): void {
    this.#host.later(RETRY_MS, () => {
      const attempts = this.unconfirmed.filter((attempt) => attempt.channel === channel);
      if (attempts.some(({ state }) => state === "sent")) return this.#retryLater(channel);
      for (const attempt of attempts) if (attempt.state === "waiting") this.#send(attempt);
    });
  }
}

function commandOf(attempt: Attempt, resend: Resend | null): Readonly<Record<string, unknown>> {
  const { channel, id, target, value, expiresInMs } = attempt;
  const fields = { channel, ...payloadFields(value), ...(resend === null ? {} : { resend }) };
  if (target !== null) return { cmd: "amend", publication: target, amendment: id, ...fields };
  return { cmd: "publish", publication: id, ...fields, ...(expiresInMs === 0 ? {} : { expiresInMs }) };
}

function resultOf(ok: Readonly<Record<string, unknown>>): { readonly pos: string; readonly at: number } {
  return ok as unknown as { readonly pos: string; readonly at: number };
}
