import {
  CarillonError,
  CLOSE_CODES,
  type CloseName,
  presenceChannel,
  type Decoded,
  type Push,
  type ServerMessage,
} from "@carillon/protocol";
import type { ApplyRequest, Failure } from "../backplane/channel-store.ts";
import type { Timer } from "../core/ports.ts";
import { SmallMap } from "../core/small-map.ts";
import type { Admitted, Refreshed } from "../policy/admission.ts";
import type { Target } from "../policy/target.ts";
import { Answer, type AnswerSink } from "./answer.ts";
import { isFields, type Fields } from "./command.ts";
import { COMMANDS } from "./commands/commands.ts";
import { connectResult, readConnect } from "./connect.ts";
import type { Connection, ConnectionEvents } from "./connection.ts";
import { ErrorBudget } from "./error-budget.ts";
import type { Identity, OpenSession, SessionHost } from "./host.ts";
import { Inbox, type InboxOwner } from "./inbox.ts";
import type { Beats } from "./lane.ts";
import { Liveness } from "./liveness.ts";
import { Outbox } from "./outbox.ts";
import { subscribeFromServer } from "./server-subscription.ts";
import { SessionContext, type ContextOwner } from "./session-context.ts";
import { Subscription, type SubscriptionOwner } from "./subscription.ts";

/** opened ──connect──▶ connecting ──admitted──▶ open; every state ends in closed. */
type SessionState = "opened" | "connecting" | "open" | "closed";

/**
 * The protocol state of one connection: who speaks, what is subscribed, what waits. It owns everything that must end
 * with the connection, and ends it in one place, `#finish`.
 */
export class Session implements ConnectionEvents, InboxOwner, AnswerSink, SubscriptionOwner, ContextOwner, OpenSession {
  readonly id: string;
  readonly connection: Connection;
  readonly host: SessionHost;
  readonly outbox: Outbox;
  readonly subscriptions: SmallMap<Subscription> = new SmallMap();
  #state: SessionState = "opened";
  /** Null until a connect has succeeded. */
  #context: SessionContext | null = null;
  readonly #beats = { sent: 0, answered: 0 };
  #renewedAt = 0;
  #ending: Timer | null = null;
  #commandsInFlight = 0;
  #isLeaving = false;
  readonly #inbox: Inbox;
  /** Null until a command fails. */
  #errors: ErrorBudget | null = null;
  readonly #liveness: Liveness;
  readonly #spoke: number;

  constructor(connection: Connection, host: SessionHost) {
    this.id = host.ports.id();
    this.connection = connection;
    this.host = host;
    this.outbox = new Outbox(connection, host, host.limits.outboxBytes, this);
    const nowMs = host.ports.monotonicMs();
    this.#inbox = new Inbox(connection, this, host, nowMs);
    this.#liveness = new Liveness(host.ports, connection, host.limits, nowMs);
    this.#spoke = host.wheel.add(this);
    host.connectTimeouts.add(this, nowMs);
    host.metrics.connections++;
    host.metrics.connectionsTotal++;
  }

  /** Who speaks. Throws before a connect has succeeded: a broken invariant, since nobody knows the session then. */
  get identity(): Identity {
    if (this.#context === null) throw new Error("Expected a session that is open.");
    return this.#context.identity;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  get beats(): Beats {
    return this.#beats;
  }

  /** True while another message may be taken; see {@link Inbox}. */
  get isReady(): boolean {
    if (this.#isLeaving) return false;
    if (this.#state === "opened") return true;
    return this.#state === "open" && this.#commandsInFlight < this.host.limits.commandsInFlight && !this.outbox.isFull;
  }

  text(payload: string | Uint8Array): void {
    const now = this.#liveness.heard();
    return now === null ? this.#close("heartbeat_missed") : this.#inbox.add(payload, now);
  }

  binary(payload: Uint8Array): void {
    this.text(payload);
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

  connectTimedOut(): void {
    this.#close("connect_timeout");
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

  reply(reply: object | string | Uint8Array): void {
    if (this.#state === "closed") return;
    if (reply instanceof Uint8Array) return this.outbox.push(reply);
    this.outbox.push(this.connection.framing.text(typeof reply === "string" ? reply : JSON.stringify(reply)));
  }

  answered(isOk: boolean): void {
    const { metrics } = this.host;
    if (this.#state !== "closed") metrics.commandsInFlight--;
    this.#commandsInFlight--;
    if (isOk) metrics.commandsOk++;
    else {
      metrics.commandsFailed++;
      this.#errors ??= new ErrorBudget(this.host.ports, this.host.limits.errorsPerMinute);
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

  ownershipLost(channels: ReadonlySet<string> | null): boolean {
    const held = this.#context?.heldEntries ?? null;
    if (held === null || this.#state !== "open") return false;
    const { ok, isAny } = held.lost(channels);
    if (!ok) this.#close("entries_lost");
    return ok && isAny;
  }

  get hasLostEntries(): boolean {
    return this.#state === "open" && this.#context?.heldEntries?.hasLost === true;
  }

  restorations(): readonly ApplyRequest[] {
    return this.#state === "open" ? (this.#context?.heldEntries?.restorations() ?? []) : [];
  }

  subscribeFromServer(channel: string): void {
    if (this.#context !== null) subscribeFromServer(this.#context, channel);
  }

  unsubscribeFromServer(channel: string, reason: string): void {
    this.#context?.forgetGrant(channel);
    // Whoever may not read a channel may not see who is in it either.
    for (const name of [channel, presenceChannel(channel)]) {
      const end = (): void => this.#unsubscribe(name, "forbidden", reason, false);
      end();
      // A subscribe that is under way was allowed by the grant of before: it ends as soon as it is there (P7).
      this.#context?.lane(name).run((release) => {
        end();
        release();
      });
    }
  }

  end(code: number, reason: string, isForGood: boolean): void {
    if (this.#state === "closed") return;
    // What is queued is dropped when the permission to see it is gone (P7); otherwise it goes out first.
    if (isForGood) this.outbox.clear();
    else this.host.flushOutbox(this.outbox);
    this.#finish(isForGood);
    this.connection.close(code, reason);
  }

  stopReading(): void {
    this.#isLeaving = true;
    this.#inbox.pump();
  }

  drop(code: number, reason: string, delayMs: number): void {
    this.#finish(false);
    this.connection.pause();
    this.#ending = this.host.ports.after(delayMs, () => this.connection.close(code, reason));
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
    this.host.admission.admit({ ticket: input.ticket, resume: input.resume, remoteAddress, origin }, (admitted) => {
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
    const { lifetimeMs, receipt } = admitted;
    const context = new SessionContext(this, admitted);
    this.#context = context;
    const refusal = host.opened(this);
    if (refusal !== null) {
      this.#context = null;
      host.admission.ended(receipt, false);
      return this.#refuse(refusal, answer);
    }
    this.#state = "open";
    this.#renewedAt = host.ports.monotonicMs();
    host.connectTimeouts.remove(this);
    this.connection.opened();
    this.#setLifetime(lifetimeMs);
    // The reply to a resume wants a pong, as heartbeats do.
    if (receipt.previousKey !== null) this.#beats.sent++;
    answer.okText(connectResult(this.id, admitted, host));
    // What was pipelined behind has run by now, and may have ended the session.
    if (context.isOpen) host.greet(this, receipt.previousKey !== null);
  }

  refreshed({ lifetimeMs }: Refreshed): void {
    if (this.isOpen) this.#setLifetime(lifetimeMs);
  }

  createSubscription(target: Target): Subscription {
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

  #pong(): void {
    const context = this.#context;
    if (context === null) return;
    const { admission, limits, ports } = this.host;
    if (this.#beats.answered === 0) admission.confirmed(context.receipt);
    // Whoever answers what was not asked must not seem to have read what comes later.
    if (this.#beats.answered < this.#beats.sent) this.#beats.answered++;
    if (ports.monotonicMs() - this.#renewedAt < limits.resumeTtlMs / 4) return;
    this.#renewedAt = ports.monotonicMs();
    admission.renew(context.receipt, () => this.end(CLOSE_CODES.revoked.code, CLOSE_CODES.revoked.text, true));
  }

  #setLifetime(lifetimeMs: number | null): void {
    this.#ending?.cancel();
    this.#ending = lifetimeMs === null ? null : this.host.ports.after(lifetimeMs, () => this.#close("session_expired"));
  }

  /** The one end of everything that the session owns. `isForGood`: the instance does not come back. */
  #finish(isForGood: boolean): void {
    this.#ending?.cancel();
    if (this.#state === "closed") return;
    this.#state = "closed";
    // An open one was removed when it opened.
    if (this.#context === null) this.host.connectTimeouts.remove(this);
    this.host.wheel.remove(this, this.#spoke);
    this.#inbox.close();
    this.outbox.clear();
    for (const subscription of this.subscriptions.values()) subscription.end();
    this.subscriptions.clear();
    const { metrics, admission } = this.host;
    metrics.connections--;
    metrics.commandsInFlight -= this.#commandsInFlight;
    if (this.#context === null) return;
    admission.ended(this.#context.receipt, isForGood);
    const { held } = this.#context;
    this.host.closed(this, held.length === 0 ? null : { holder: this.#context.holder, targets: held }, isForGood);
  }
}
