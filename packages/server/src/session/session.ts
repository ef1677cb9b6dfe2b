import {
  CarillonError,
  CLOSE_CODES,
  type CloseName,
  type Decoded,
  type Push,
  type ServerMessage,
} from "@carillon/protocol";
import type { Failure } from "../backplane/channel-store.ts";
import type { Timer } from "../core/ports.ts";
import type { Admitted, Refreshed } from "../policy/admission.ts";
import type { ResolvedGrant } from "../policy/grant.ts";
import type { Target } from "../policy/target.ts";
import { Answer, type AnswerSink } from "./answer.ts";
import type { CommandContext, Fields } from "./command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { connectResult, readConnect } from "./connect.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import { ErrorBudget } from "./error-budget.ts";
import { GrantCache } from "./grant-cache.ts";
import type { Identity, OpenSession, SessionHost } from "./host.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import { Lane } from "./lane.ts";
import { Liveness } from "./liveness.ts";
import { Outbox } from "./outbox.ts";
import { subscribeFromServer } from "./server-subscription.ts";
import { Subscription, type SubscriptionOwner } from "./subscription.ts";

/** opened ──connect──▶ connecting ──admitted──▶ open; every state ends in closed. */
type SessionState = "opened" | "connecting" | "open" | "closed";

/** Lanes kept before idle ones are forgotten. */
const LANES_MAX = 64;

/**
 * The protocol state of one connection: who speaks, what is subscribed, what waits. It owns everything that must end
 * with the connection, and ends it in one place, `#finish`.
 */
export class Session implements ConnectionEvents, InboxOwner, AnswerSink, SubscriptionOwner, OpenSession {
  readonly id: string;
  readonly connection: Connection;
  readonly host: SessionHost;
  readonly outbox: Outbox;
  readonly subscriptions: Map<string, Subscription> = new Map();
  #state: SessionState = "opened";
  #admitted: Admitted | null = null;
  #context: CommandContext | null = null;
  /** The connect reply is the first: it wants a pong as heartbeats do. */
  readonly #beats = { sent: 1, answered: 0 };
  #renewedAt = 0;
  #grants: GrantCache | null = null;
  #lifetime: Timer | null = null;
  #commandsInFlight = 0;
  readonly #inbox: Inbox;
  readonly #errors: ErrorBudget;
  readonly #liveness: Liveness;
  readonly #lanes = new Map<string, Lane>();
  /** Channels where the instance may own entries. */
  readonly #held = new Map<string, Target>();
  readonly #connectTimeout: Timer;
  readonly #leaveWheel: () => void;

  constructor(connection: Connection, host: SessionHost) {
    this.id = host.ports.id();
    this.connection = connection;
    this.host = host;
    this.outbox = new Outbox(connection, host, host.limits.outboxBytes, () => this.drained());
    this.#inbox = new Inbox(connection, this, host.ports, host.limits);
    this.#errors = new ErrorBudget(host.ports, host.limits.errorsPerMinute);
    this.#liveness = new Liveness(host.ports, connection, host.limits);
    this.#connectTimeout = host.ports.after(host.limits.connectTimeoutMs, () => this.#close("connect_timeout"));
    this.#leaveWheel = host.wheel.add(this);
    host.metrics.connections++;
    host.metrics.connectionsTotal++;
  }

  get identity(): Identity | null {
    return this.#context?.identity ?? null;
  }

  /** True while another message may be taken; see {@link Inbox}. */
  get isReady(): boolean {
    if (this.#state === "opened") return true;
    return this.#state === "open" && this.#commandsInFlight < this.host.limits.commandsInFlight && !this.outbox.isFull;
  }

  text(payload: string): void {
    this.#liveness.heard();
    this.#inbox.text(payload);
  }

  binary(payload: Uint8Array): void {
    this.#liveness.heard();
    this.#inbox.binary(payload);
  }

  drained(): void {
    for (const subscription of this.subscriptions.values()) subscription.drained();
    this.#inbox.pump();
  }

  closed(_code: number, isClean: boolean): void {
    this.#finish(isClean);
  }

  beat(): void {
    const pulse = this.#liveness.beat(!this.isReady);
    if (pulse === "slow") this.host.metrics.slowClosed++;
    if (pulse !== "alive") return this.#close(pulse);
    if (this.#state !== "open" || this.outbox.isFull) return;
    this.#beats.sent++;
    this.send({ push: "heartbeat" });
  }

  take({ head: fields, body }: Decoded, isAlone: boolean): void {
    if (!isFields(fields)) return this.#refuseMessage("Expected a JSON object.");
    if (fields["cmd"] === "pong") return this.#pong();
    const { id, cmd } = fields;
    if (typeof id !== "number" || !Number.isSafeInteger(id) || id < 1 || typeof cmd !== "string") {
      return this.#refuseMessage("Expected a command with cmd and a positive integer id.");
    }
    this.#commandsInFlight++;
    this.host.metrics.commandsInFlight++;
    const answer = new Answer(id, this);
    if (this.#state === "opened") return this.#connect(fields, isAlone, answer);
    const command = COMMANDS.get(cmd);
    if (cmd === "connect")
      return answer.fail("not_connected", "Expected one connect in a connection, this is another.");
    if (command === undefined)
      return answer.fail("unknown_command", `Expected a command of carillon.1, got "${cmd.slice(0, 64)}".`);
    const input = command.read(fields, body);
    if (typeof input === "string") return answer.fail("bad_message", input);
    if (this.#context !== null) command.run(this.#context, input, answer);
  }

  undecodable(problem: string): void {
    this.#close("protocol_error", problem);
  }

  reply(reply: object | Uint8Array): void {
    if (this.#state === "closed") return;
    this.outbox.push(reply instanceof Uint8Array ? reply : this.connection.framing.text(JSON.stringify(reply)));
  }

  answered(isOk: boolean): void {
    const { metrics } = this.host;
    if (this.#state !== "closed") metrics.commandsInFlight--;
    this.#commandsInFlight--;
    if (isOk) metrics.commandsOk++;
    else {
      metrics.commandsFailed++;
      if (!this.#errors.spend()) this.#close("too_many_errors");
    }
    this.#inbox.pump();
  }

  send(message: ServerMessage): void {
    this.reply(message);
  }

  push(message: Push): void {
    this.reply(message);
  }

  failed(subscription: Subscription, failure: Failure): void {
    this.#unsubscribe(subscription.target.name, failure.code, failure.message, false);
  }

  subscribeFromServer(channel: string): void {
    if (this.#context !== null) subscribeFromServer(this.#context, channel);
  }

  unsubscribeFromServer(channel: string, reason: string): void {
    this.#grants?.forget(channel);
    this.#unsubscribe(channel, "forbidden", reason, false);
  }

  end(code: number, reason: string, isForGood: boolean): void {
    if (this.#state === "closed") return;
    // What is queued is dropped when the permission to see it is gone (P7); otherwise it goes out first.
    if (isForGood) this.outbox.clear();
    else this.host.flushOutbox(this.outbox);
    this.#finish(isForGood);
    this.connection.close(code, reason);
  }

  /** A message that can't be answered by its id is answered by 0; the connection goes on. */
  #refuseMessage(problem: string): void {
    if (this.#state !== "open") return this.undecodable(problem);
    this.#commandsInFlight++;
    this.host.metrics.commandsInFlight++;
    new Answer(0, this).fail("bad_message", problem);
  }

  #close(name: CloseName, reason: string = CLOSE_CODES[name].text): void {
    this.end(CLOSE_CODES[name].code, reason, false);
  }

  #connect(fields: Fields, isAlone: boolean, answer: Answer): void {
    const isFirst = fields["cmd"] === "connect" && isAlone;
    const input = isFirst ? readConnect(fields) : "Expected connect first, alone in its frame.";
    if (typeof input === "string") {
      answer.fail(isFirst ? "bad_message" : "not_connected", input);
      return this.#close("protocol_error", input);
    }
    if (input.contract !== null && input.contract > this.host.contractVersion) {
      answer.fail(
        "contract_mismatch",
        `The server serves contract version ${this.host.contractVersion}, the client has ${input.contract}.`,
      );
      return this.#close("contract_mismatch");
    }
    this.#state = "connecting";
    const { remoteAddress, origin } = this.connection;
    this.host.admission.admit({ ...input, remoteAddress, origin }, (admitted) => {
      if (this.#state !== "connecting") {
        if (!(admitted instanceof CarillonError)) this.host.admission.ended(admitted.receipt, false);
        return;
      }
      if (admitted instanceof CarillonError) return this.#refuse(admitted, answer);
      this.#open(admitted, answer);
    });
    this.#inbox.pump();
  }

  #refuse(error: CarillonError, answer: Answer): void {
    this.host.metrics.connectsRefused++;
    answer.failWith(error);
    const code = error.code === "ticket_refused" || error.code === "resume_refused" ? error.code : "overloaded";
    this.#close(code, error.message);
  }

  #open(admitted: Admitted, answer: Answer): void {
    const { host } = this;
    this.#identify(admitted);
    const refusal = host.opened(this, admitted);
    if (refusal !== null) {
      this.#context = null;
      host.admission.ended(admitted.receipt, false);
      this.#admitted = null;
      return this.#refuse(refusal, answer);
    }
    this.#state = "open";
    this.#renewedAt = host.ports.monotonicMs();
    this.#connectTimeout.cancel();
    this.connection.opened();
    this.#setLifetime(admitted.lifetimeMs);
    answer.ok(connectResult(this.id, admitted, host));
    // What was pipelined behind has run by now, and may have ended the session.
    if (this.#context?.isOpen() === true) host.greet(this);
  }

  #refreshed({ user, lifetimeMs, receipt }: Refreshed): void {
    if (this.#admitted === null || this.#state !== "open") return;
    // Grants are asked for again, since they may depend on claims that have changed.
    this.#identify({ ...this.#admitted, user, lifetimeMs, receipt });
    this.#setLifetime(lifetimeMs);
  }

  #identify(admitted: Admitted): void {
    const publisher = { user: admitted.user.id, instance: admitted.instance };
    const identity: Identity = { user: admitted.user, instance: admitted.instance, publisher };
    this.#admitted = admitted;
    this.#grants = new GrantCache(identity, this.host.hooks, this.host.limits.grantsPerSession);
    this.#context = this.#commandContext(identity, admitted);
  }

  #commandContext(identity: Identity, admitted: Admitted): CommandContext {
    return {
      id: this.id,
      identity,
      host: this.host,
      connection: this.connection,
      outbox: this.outbox,
      subscriptions: this.subscriptions,
      isOpen: () => this.#state === "open",
      lane: (channel) => this.#lane(channel),
      grant: (target, done: (grant: ResolvedGrant | CarillonError) => void) => this.#grants?.get(target, done),
      createSubscription: (target) => this.#createSubscription(target),
      holdEntries: (target) => this.#held.set(target.name, target),
      receipt: () => admitted.receipt,
      refreshed: (refreshed) => this.#refreshed(refreshed),
      push: (message) => this.push(message),
    };
  }

  #createSubscription(target: Target): Subscription {
    const subscription = new Subscription(target, this.host.group(this.connection.framing), this.host, this);
    this.subscriptions.set(target.name, subscription);
    return subscription;
  }

  #unsubscribe(channel: string, code: string, message: string, retry: boolean): void {
    const subscription = this.subscriptions.get(channel);
    if (subscription === undefined) return;
    this.subscriptions.delete(channel);
    subscription.end();
    this.push({ push: "unsubscribed", channel, code, message, retry });
  }

  #lane(channel: string): Lane {
    const known = this.#lanes.get(channel);
    if (known !== undefined) return known;
    if (this.#lanes.size >= LANES_MAX) {
      for (const [name, lane] of this.#lanes) if (lane.isIdle) this.#lanes.delete(name);
    }
    const lane = new Lane(this.#beats);
    this.#lanes.set(channel, lane);
    return lane;
  }

  #pong(): void {
    if (this.#admitted === null) return;
    const { admission, limits, ports } = this.host;
    if (this.#beats.answered === 0) admission.confirmed(this.#admitted.receipt);
    this.#beats.answered++;
    if (ports.monotonicMs() - this.#renewedAt < limits.resumeTtlMs / 4) return;
    this.#renewedAt = ports.monotonicMs();
    admission.renew(this.#admitted.receipt, () => this.end(CLOSE_CODES.revoked.code, CLOSE_CODES.revoked.text, true));
  }

  #setLifetime(lifetimeMs: number | null): void {
    this.#lifetime?.cancel();
    this.#lifetime =
      lifetimeMs === null ? null : this.host.ports.after(lifetimeMs, () => this.#close("session_expired"));
  }

  /** The one end of everything that the session owns. `isForGood`: the instance does not come back. */
  #finish(isForGood: boolean): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#connectTimeout.cancel();
    this.#lifetime?.cancel();
    this.#leaveWheel();
    this.#inbox.close();
    this.outbox.clear();
    for (const subscription of this.subscriptions.values()) subscription.end();
    this.subscriptions.clear();
    const { metrics, admission } = this.host;
    metrics.connections--;
    metrics.commandsInFlight -= this.#commandsInFlight;
    if (this.#admitted === null) return;
    admission.ended(this.#admitted.receipt, isForGood);
    this.host.closed(this, [...this.#held.values()], isForGood);
  }
}

function isFields(head: unknown): head is Fields {
  return typeof head === "object" && head !== null && !Array.isArray(head);
}
