/**
 * A world in memory for clients under test: a virtual clock, a network without delay, an environment, a ticket
 * supplier. Nothing moves until the test says so: `settle` delivers what is on its way, `advance` moves the clock.
 */
import { connect, type Client, type ClientPorts, type ConnectOptions, type EnvironmentEvent } from "@carillon/client";
import type { Contract } from "@carillon/protocol";
import { ServerEnd, type Script } from "./scripted-server.ts";

interface PendingTimer {
  readonly atMs: number;
  readonly fire: () => void;
}

/** What a supplier answers: a ticket, or an error. */
export type TicketAnswer = string | Error;

export class World {
  nowMs = 0;
  /** What `random` gives; 0.5 unless a test says otherwise. */
  chance = 0.5;
  /** Ends of the server, one for each socket that was opened, oldest first. */
  readonly ends: ServerEnd[] = [];
  /** Errors that nobody listened for. */
  readonly reported: unknown[] = [];
  /** How the server answers; a test replaces what it cares about. */
  script: Script;
  /** Answers the supplier's next calls; when it is empty, tickets are counted: t1, t2, … */
  readonly ticketAnswers: (TicketAnswer | null)[] = [];
  ticketsAsked = 0;
  /** False: sockets do not open, nor do they fail. */
  isReachable = true;
  /** An error that opening a socket throws. */
  openError: Error | null = null;
  readonly #timers = new Set<PendingTimer>();
  readonly #watchers = new Set<(event: EnvironmentEvent) => void>();
  readonly #deliveries: (() => void)[] = [];

  constructor(script: Script = {}) {
    this.script = script;
  }

  /** Timers that run. */
  get timers(): number {
    return this.#timers.size;
  }

  /** Listeners of the environment. */
  get watchers(): number {
    return this.#watchers.size;
  }

  /** The newest end of the server. */
  get end(): ServerEnd {
    const end = this.ends.at(-1);
    if (!end) throw new Error("Expected a socket, none was opened.");
    return end;
  }

  readonly ports: ClientPorts = {
    now: () => this.nowMs,
    random: () => this.chance,
    soon: (run) => queueMicrotask(run),
    setTimer: (delayMs, fire) => {
      if (!(delayMs >= 0)) throw new Error(`Expected a delay, got ${delayMs}.`);
      const timer = { atMs: this.nowMs + delayMs, fire };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
    open: (events) => {
      if (this.openError) throw this.openError;
      const end = new ServerEnd(
        events,
        (act) => this.#deliveries.push(act),
        () => this.script,
      );
      this.ends.push(end);
      if (this.isReachable) end.open();
      return end.socket;
    },
    watch: (notify) => {
      this.#watchers.add(notify);
      return () => this.#watchers.delete(notify);
    },
    ticket: (settle) => {
      this.ticketsAsked++;
      const answer = this.ticketAnswers.length > 0 ? this.ticketAnswers.shift() : `t${this.ticketsAsked}`;
      if (answer === undefined || answer === null) return;
      this.#deliveries.push(() => (typeof answer === "string" ? settle(answer) : settle(null, answer)));
    },
    report: (error) => this.reported.push(error),
  };

  /** Makes a client in this world. */
  connect<C extends Contract = Contract>(options: Partial<ConnectOptions> = {}): Client<C> {
    return connect<C>({
      url: "ws://server.test/realtime",
      ticket: () => Promise.reject(new Error("The port supplies tickets.")),
      ports: this.ports,
      ...options,
    });
  }

  /** Something befalls the page. */
  befall(event: EnvironmentEvent): void {
    for (const notify of Array.from(this.#watchers)) notify(event);
  }

  /** Delivers everything that is on its way, and lets promises run, until nothing moves any more. */
  async settle(): Promise<void> {
    for (let idleTurns = 0; idleTurns < 2;) {
      const act = this.#deliveries.shift();
      if (act) {
        idleTurns = 0;
        act();
      } else {
        idleTurns++;
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** Moves the clock, firing timers in their order, and settles after each. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.settle();
    for (;;) {
      const due = [...this.#timers]
        .filter(({ atMs }) => atMs <= untilMs)
        .sort((one, other) => one.atMs - other.atMs)[0];
      if (!due) break;
      this.#timers.delete(due);
      this.nowMs = Math.max(this.nowMs, due.atMs);
      due.fire();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  /** Moves the clock without firing timers, as a sleeping machine does; they fire late, with the next `advance`. */
  sleep(ms: number): void {
    this.nowMs += ms;
  }
}
