import { CarillonError, CLOSE_CODES } from "@carillon/protocol";
import type { Failure } from "../backplane/channel-store.ts";
import { countAppend } from "../core/metrics.ts";
import type { Group } from "../hub/group.ts";
import type { Target } from "../policy/target.ts";
import type { Connection, ConnectionEvents } from "../session/connection.ts";
import type { SessionHost } from "../session/host.ts";
import { Liveness } from "../session/liveness.ts";
import { Outbox } from "../session/outbox.ts";
import { Subscription, type SubscriptionOwner } from "../session/subscription.ts";
import type { RawChannelRoute } from "./raw-options.ts";

/** Close codes of RFC 6455, section 7.4.1. */
const UNACCEPTABLE = 1003;
const INVALID_PAYLOAD = 1007;
const POLICY = 1008;
const TRY_AGAIN_LATER = 1013;

/**
 * A plain WebSocket that is bound to a log channel. It has no commands and so no errors: what can't be published closes
 * the connection with a reason. A slow reader catches up by pages like everybody; it just isn't told of a gap.
 */
export class RawChannelPeer implements ConnectionEvents, SubscriptionOwner {
  readonly outbox: Outbox;
  readonly #connection: Connection;
  readonly #host: SessionHost;
  readonly #route: RawChannelRoute;
  readonly #target: Target;
  readonly #liveness: Liveness;
  readonly #spoke: number;
  #subscription: Subscription | null = null;
  #inFlight = 0;
  #isPaused = false;
  #isEnded = false;

  constructor(connection: Connection, host: SessionHost, route: RawChannelRoute, target: Target, group: Group) {
    this.#connection = connection;
    this.#host = host;
    this.#route = route;
    this.#target = target;
    this.outbox = new Outbox(connection, host, host.limits.outboxBytes, this);
    this.#liveness = new Liveness(host.ports, connection, host.limits);
    this.#spoke = host.wheel.add(this);
    host.metrics.connections++;
    host.metrics.connectionsTotal++;
    connection.opened();
    if (route.subscribe === true) this.#subscribe(group);
  }

  text(payload: string): void {
    this.#liveness.heard();
    if (this.#route.format === "bytes") return this.#close(UNACCEPTABLE, "Expected binary messages.");
    if (this.#route.format !== "json") return this.#publish(payload);
    try {
      const value: unknown = JSON.parse(payload);
      this.#publish(value);
    } catch {
      this.#close(INVALID_PAYLOAD, "Expected JSON.");
    }
  }

  binary(payload: Uint8Array): void {
    this.#liveness.heard();
    const { format } = this.#route;
    if (format === "bytes" || format === "any") this.#publish(payload);
    else this.#close(UNACCEPTABLE, "Expected text messages.");
  }

  drained(): void {
    this.#subscription?.drained();
    this.#flow();
  }

  closed(): void {
    this.#end();
  }

  alive(): void {
    this.#liveness.heard();
  }

  beat(): void {
    const pulse = this.#liveness.beat(this.#isPaused);
    // A raw peer need never say anything by itself, so it is asked; every WebSocket answers a ping.
    if (pulse === "alive") return this.#connection.probe();
    if (pulse === "heartbeat_missed") return this.#connection.terminate();
    this.#host.metrics.slowClosed++;
    this.#close(POLICY, CLOSE_CODES.slow.text);
  }

  push(): void {
    // Raw peers get publications alone.
  }

  failed(_subscription: Subscription, failure: Failure): void {
    this.#close(TRY_AGAIN_LATER, failure.message);
  }

  #subscribe(group: Group): void {
    const { name, options, coalesceMs } = this.#target;
    this.#host.hub.attach(name, options, coalesceMs, (attached) => {
      if (!attached.ok) return this.#close(TRY_AGAIN_LATER, attached.message);
      if (this.#isEnded) return this.#host.hub.detach(name);
      this.#subscription = new Subscription(this.#target, group, this.#host, this);
      this.#subscription.start(attached.value, true);
    });
  }

  #publish(value: unknown): void {
    if (this.#route.publish !== true) return this.#close(POLICY, "Publishing is not allowed here.");
    this.#inFlight++;
    this.#host.hooks.validate(this.#target, value, (data) => {
      if (data instanceof CarillonError) {
        this.#inFlight--;
        return this.#close(INVALID_PAYLOAD, data.message);
      }
      const { name, options, version } = this.#target;
      this.#host.append({
        channel: name,
        options,
        version,
        data,
        id: this.#host.ports.id(),
        idempotency: null,
        publisher: null,
        amend: null,
        tags: null,
        meta: null,
        expiresInMs: 0,
        done: (result) => {
          countAppend(this.#host.metrics, result);
          this.#inFlight--;
          if (result.ok) this.#flow();
          else this.#close(TRY_AGAIN_LATER, result.message);
        },
      });
    });
    this.#flow();
  }

  /** Reads on only while what came is stored and what goes out is taken: a flood waits at its sender. */
  #flow(): void {
    const mustPause = this.#inFlight >= this.#host.limits.commandsInFlight || this.outbox.isFull;
    if (mustPause === this.#isPaused || this.#isEnded) return;
    this.#isPaused = mustPause;
    if (mustPause) this.#connection.pause();
    else this.#connection.resume();
  }

  #close(code: number, reason: string): void {
    if (this.#isEnded) return;
    this.#end();
    this.#connection.close(code, reason);
  }

  #end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#host.wheel.remove(this, this.#spoke);
    this.outbox.clear();
    this.#subscription?.end();
    this.#host.metrics.connections--;
  }
}
