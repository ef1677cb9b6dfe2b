import {
  CarillonError,
  CLOSE_CODES,
  isChannelName,
  isKey,
  isPublicationId,
  parseDuration,
  presenceChannel,
  type Contract,
  type NameIn,
  type PatternOf,
  type PayloadInput,
  type Position,
  type SpecOf,
} from "@carillon/protocol";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  Failure,
  HistoryPage,
  Snapshot,
} from "../backplane/channel-store.ts";
import type { Payload } from "../backplane/records.ts";
import { countAppend } from "../core/metrics.ts";
import type { Node } from "../node.ts";
import type { Target } from "../policy/target.ts";
import type { PublishOptions } from "./options.ts";
import { entryView, historyView, type EntryView, type HistoryView, type MemberView } from "./views.ts";

/** What the application sees of a publish. */
export interface Published {
  readonly id: string;
  readonly pos: Position;
  /** Store time in milliseconds since 1970. */
  readonly at: number;
}

type PatternIn<C extends Contract, N extends string> = PatternOf<C, N> & keyof C["channels"] & string;
/** What may be published to, or set in, the channel with name `N`. */
export type DataOf<C extends Contract, N extends string> = PayloadInput<SpecOf<C, PatternIn<C, N>>>;

/**
 * What an application does with its channels from its own process: no grant is asked for, everything is validated.
 * Promises reject with a {@link CarillonError}. Reads include whatever was published before them. What is asked for
 * before the backplane is open waits for it, and rejects with its error if it can't be opened.
 */
export abstract class ApplicationApi<C extends Contract> {
  readonly #node: Node;

  constructor(node: Node) {
    this.#node = node;
  }

  /** Resolves once the backplane is open and connections are served; rejects with the sentence that says why not. */
  abstract ready(): Promise<void>;

  /**
   * True while the backplane can reach its store, as far as is known; false before it is open. A node that can't reach it
   * keeps its connections and heals by itself, but has nothing for new ones: say so to whoever spreads them over nodes.
   */
  get isStoreReachable(): boolean {
    return this.#node.isOpen && this.#node.isStoreReachable;
  }

  /** Publishes to a log channel. Resolves once the publication is stored. */
  async publish<const N extends string>(
    channel: NameIn<C, N>,
    data: DataOf<C, N>,
    options: PublishOptions = {},
  ): Promise<Published> {
    const { id = this.#node.ports.id(), key, tags = null, meta = null, expiresIn } = options;
    if (!isPublicationId(id))
      throw new CarillonError("bad_message", "Expected an id of 1 to 64 printable ASCII characters.");
    const target = this.#target(channel, "log");
    const payload = await this.#validate(target, data);
    const fingerprint = this.#node.ports.hash(
      `publish ${typeof payload === "string" ? payload : this.#node.ports.hash(payload ?? "")}`,
    );
    return this.#append(target, {
      id,
      data: payload,
      tags,
      meta,
      amend: null,
      idempotency: key === undefined ? null : { scope: `s:${key}`, fingerprint, resend: null },
      expiresInMs: expiresIn === undefined ? 0 : parseDuration(expiresIn, "expiresIn"),
    });
  }

  /** Replaces the data of a publication; `null` erases it. */
  async amend<const N extends string>(
    channel: NameIn<C, N>,
    id: string,
    data: DataOf<C, N> | null,
  ): Promise<Published> {
    const target = this.#target(channel, "log");
    const payload = data === null ? null : await this.#validate(target, data);
    const amend = { target: id, onlyBy: null };
    return this.#append(target, {
      id: this.#node.ports.id(),
      data: payload,
      amend,
      tags: null,
      meta: null,
      idempotency: null,
      expiresInMs: 0,
    });
  }

  /** The publications before a position, or the newest; at most `limit`, 100 by default. */
  async history<const N extends string>(
    channel: NameIn<C, N>,
    { before = null, limit = 100 }: { readonly before?: Position | null; readonly limit?: number } = {},
  ): Promise<HistoryView<C, PatternIn<C, N>>> {
    const target = this.#target(channel, "log");
    const page = await this.#ask<HistoryPage>((done) => this.#node.history(target, before, limit, done));
    return historyView(page);
  }

  /** The members of a channel with presence, in the order in which they came. */
  async presence<const N extends string>(channel: NameIn<C, N>): Promise<MemberView<C, PatternIn<C, N>>[]> {
    const target = this.#node.target(presenceChannel(channel));
    if (target === null)
      throw new CarillonError("unknown_channel", `Expected a channel with presence, "${channel}" has none.`);
    const entries = await this.#snapshot(target);
    const members = entries.flatMap(({ owner, value }) => (owner === null ? [] : [{ ...owner, info: value }]));
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- What is stored passed the channel's schema.
    return members as MemberView<C, PatternIn<C, N>>[];
  }

  /** The entries of a state channel by key. */
  async entries<const N extends string>(channel: NameIn<C, N>): Promise<Map<string, EntryView<C, PatternIn<C, N>>>> {
    const entries = await this.#snapshot(this.#target(channel, "state"));
    return new Map(entries.map((entry) => [entry.key, entry]));
  }

  /** Sets an entry of a state channel; it belongs to nobody. Resolves to its version. */
  async set<const N extends string>(
    channel: NameIn<C, N>,
    key: string,
    value: DataOf<C, N>,
    { expect = null }: { readonly expect?: number | null } = {},
  ): Promise<number> {
    if (!isKey(key)) throw new CarillonError("bad_message", "Expected a key of 1 to 128 printable ASCII characters.");
    const target = this.#target(channel, "state");
    const data = await this.#validate(target, value);
    return this.#apply(target, { op: "set", key, data, expect, owner: null, holder: null, ownOnly: false });
  }

  /** Removes an entry of a state channel, whoever owns it. Resolves to the version of the removal. */
  async remove<const N extends string>(
    channel: NameIn<C, N>,
    key: string,
    { expect = null }: { readonly expect?: number | null } = {},
  ): Promise<number> {
    return this.#apply(this.#target(channel, "state"), { op: "remove", key, expect, holder: null, onlyBy: null });
  }

  /** Forgets everything in a channel and begins a new epoch; subscribers of a log get a gap. */
  async clear<const N extends string>(channel: NameIn<C, N>): Promise<void> {
    const target = this.#target(channel, null);
    await this.#ask<Position>((done) => this.#node.backplane.channels.remove(target.name, target.options, done));
  }

  /** Ends every session of a user, on every node. The SDK does not come back by itself; a new ticket would let it in. */
  disconnect(user: string, reason: string = CLOSE_CODES.disconnected.text): void {
    this.#node.backplane.control.send({ type: "disconnect", user, code: CLOSE_CODES.disconnected.code, reason });
  }

  /** Subscribes every session that a user has now to a channel, on every node. */
  subscribe<const N extends string>(user: string, channel: NameIn<C, N>): void {
    this.#node.backplane.control.send({ type: "subscribe", user, channel: this.#target(channel, null).name });
  }

  /**
   * Ends a user's subscriptions to a channel and to its members, on every node; the rule is asked again when they come
   * back. To be sent when a permission is taken away; one that is given is found out within a second, since a refusal is
   * remembered no longer.
   */
  unsubscribe<const N extends string>(
    user: string,
    channel: NameIn<C, N>,
    reason: string = "The subscription was ended.",
  ): void {
    this.#node.backplane.control.send({ type: "unsubscribe", user, channel: this.#target(channel, null).name, reason });
  }

  /** Names of the channels that have a subscriber on this node. */
  channels(): string[] {
    return this.#node.hub.names();
  }

  /** Ids of the users that have a session on this node. */
  users(): string[] {
    return [...this.#node.registry.users()];
  }

  #target(name: string, kind: "log" | "state" | null): Target {
    const target = isChannelName(name) ? this.#node.target(name) : null;
    if (target === null)
      throw new CarillonError(
        "unknown_channel",
        `Expected a channel of the contract, "${name.slice(0, 200)}" matches none of its patterns.`,
      );
    if (kind === null || target.options.kind === kind) return target;
    throw new CarillonError("wrong_kind", `Expected a ${kind} channel, "${name}" is a ${target.options.kind} channel.`);
  }

  #validate(target: Target, value: unknown): Promise<Payload> {
    return new Promise((resolve, reject) => {
      this.#node.hooks.validate(target, value, (payload) =>
        payload instanceof CarillonError ? reject(payload) : resolve(payload),
      );
    });
  }

  async #append(
    { name, options, version }: Target,
    request: Omit<AppendRequest, "channel" | "options" | "version" | "publisher" | "done">,
  ): Promise<Published> {
    await this.#opened();
    return new Promise((resolve, reject) => {
      const done = (result: AppendResult): void => {
        countAppend(this.#node.metrics, result);
        if (result.ok) resolve({ id: request.id, pos: result.pos, at: result.at });
        else reject(errorOf(result));
      };
      this.#node.append({ ...request, channel: name, options, version, publisher: null, done });
    });
  }

  async #apply({ name, options }: Target, change: ApplyRequest["change"]): Promise<number> {
    await this.#opened();
    return new Promise((resolve, reject) => {
      const done = (result: ApplyResult): void => (result.ok ? resolve(result.version) : reject(errorOf(result)));
      this.#node.apply({ channel: name, options, change, done });
    });
  }

  async #snapshot(target: Target): Promise<EntryView[]> {
    await this.#opened();
    // Changes that were asked for before are applied first: they wait for the end of the tick.
    await new Promise<void>((resolve) => this.#node.ports.endOfTick(resolve));
    const { channels } = this.#node.backplane;
    const { records } = await this.#ask<Snapshot>((done) => channels.snapshot(target.name, target.options, done));
    return records.map(entryView);
  }

  /** Nothing to wait for once it is open, so that what is asked for in one turn keeps its order. */
  #opened(): Promise<void> | undefined {
    return this.#node.isOpen ? undefined : this.ready();
  }

  async #ask<T>(question: (done: (answer: Answer<T>) => void) => void): Promise<T> {
    await this.#opened();
    return new Promise((resolve, reject) => {
      question((answer) => (answer.ok ? resolve(answer.value) : reject(errorOf(answer))));
    });
  }
}

function errorOf({ code, message, version }: Failure): CarillonError {
  return new CarillonError(code, message, version === undefined ? {} : { version });
}
