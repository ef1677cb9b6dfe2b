import {
  wrongKind,
  type Answer,
  type ApplyRequest,
  type ApplyResult,
  type EntryRecord,
  type Failure,
  type Page,
  type ReadRequest,
  type Snapshot,
} from "@carillon/server/backplane";
import { bucketOf } from "./keys.ts";
import { pageOf } from "./log-calls.ts";
import type { QueuedApply } from "./lanes.ts";
import { placeArguments, readPlace } from "./place-codec.ts";
import { encodeOwner, encodePayload, readEntry } from "./record-codec.ts";
import { bytesAt, listOf, numberAt, textAt } from "./reply.ts";
import { SCRIPTS, type Script, type ScriptArgument } from "./scripts.ts";
import { explain, type StoreParts } from "./store-parts.ts";

/** What a node is answered whose lease was given to the dead. */
const LEASE_LOST: Failure = {
  ok: false,
  code: "unavailable",
  message: "This node was out of touch for too long and begins anew; try again.",
};

/** Entries that one call looks at, to end those of a dead node: Redis does nothing else for some 10 ms then. */
const REAPED_AT_ONCE = 512;

/** What is asked of Redis about state channels. */
export class StateCalls {
  readonly #parts: StoreParts;
  /** Told when the next entry of a channel ends, in milliseconds from now; null: none does. */
  readonly #untilNext: (channel: string, ms: number | null) => void;

  constructor(parts: StoreParts, untilNext: (channel: string, ms: number | null) => void) {
    this.#parts = parts;
    this.#untilNext = untilNext;
  }

  /** Makes changes in one call, and answers each request in order. Never rejects. */
  async apply(channel: string, batch: readonly QueuedApply[]): Promise<void> {
    const { lease, context, keys } = this.#parts;
    const { options } = batch[0]!.request;
    try {
      const { incarnation } = lease;
      const fixed = [
        Math.round(options.ttlMs),
        context.limits.stateEntries,
        incarnation,
        keys.of(bucketOf(channel), `node:${incarnation}`),
      ];
      const changes = batch.flatMap(({ request }) => changeArguments(request.change));
      const reply = await this.#run(SCRIPTS.apply, channel, [...fixed, ...changes]);
      if (reply.length === 1) {
        const isDead = textAt(reply, 0) === "dead";
        if (isDead) lease.lost(incarnation);
        for (const { request } of batch) request.done(isDead ? LEASE_LOST : wrongKind(channel, "state"));
        return;
      }
      this.#untilNext(channel, numberAt(reply, 0));
      for (const [index, { request }] of batch.entries()) request.done(this.#result(request, textAt(reply, index + 1)));
    } catch (error) {
      const failure = explain(this.#parts, error);
      for (const { request } of batch) request.done(failure);
    }
  }

  /** The latest changes after a position. */
  async read({ channel, after, bounds }: ReadRequest): Promise<Answer<Page>> {
    const { faults } = this.#parts.context;
    const trusts = faults.has("no-tag-check") ? "1" : "";
    const place = placeArguments(after);
    const reply = await this.#run(SCRIPTS.readState, channel, [
      ...place,
      Math.max(1, bounds.items),
      bounds.bytes,
      trusts,
    ]);
    if (reply.length === 1) return wrongKind(channel, "state");
    return { ok: true, value: pageOf(reply) };
  }

  /** All entries. */
  async snapshot(channel: string): Promise<Answer<Snapshot>> {
    const reply = await this.#run(SCRIPTS.snapshot, channel, []);
    if (reply.length === 1) return wrongKind(channel, "state");
    const pairs = listOf(reply[1]);
    const records: EntryRecord[] = [];
    for (let index = 0; index < pairs.length; index += 2) {
      const record = readEntry(textAt(pairs, index), bytesAt(pairs, index + 1));
      if (record !== null) records.push(record);
    }
    records.sort((one, other) => one.version - other.version);
    return { ok: true, value: { pos: readPlace(textAt(reply, 0)).position, records } };
  }

  /** Ends the entries whose time has come. */
  async expire(channel: string): Promise<void> {
    const reply = await this.#run(SCRIPTS.expire, channel, []);
    if (textAt(reply, 0) !== "kind") this.#untilNext(channel, numberAt(reply, 0));
  }

  /** Ends the entries of a node that is gone, a part of them in each call. */
  async reap(channel: string, incarnation: string): Promise<void> {
    let cursor = "0";
    do {
      const reply = await this.#run(SCRIPTS.reap, channel, [incarnation, cursor, REAPED_AT_ONCE]);
      cursor = reply.length === 1 ? "0" : textAt(reply, 1);
    } while (cursor !== "0");
  }

  async #run(script: Script, channel: string, args: readonly ScriptArgument[]): Promise<readonly unknown[]> {
    const { keys, broker, context, headMs } = this.#parts;
    const { ports, limits } = context;
    const fixed = [ports.id(), headMs, ports.id(), limits.stateJournal, keys.live(channel), channel];
    return listOf(await broker.run(bucketOf(channel), script, keys.state(channel), [...fixed, ...args]));
  }

  #result({ change }: ApplyRequest, text: string): ApplyResult {
    if (text.startsWith("+")) {
      const cut = text.indexOf(" ");
      return { ok: true, version: Number(text.slice(1, cut)), pos: readPlace(text.slice(cut + 1)).position };
    }
    const [code, version = "0"] = text.slice(1).split(" ");
    if (code === "conflict" && change.op !== "release") {
      const message =
        change.expect === null
          ? "Expected an entry that nobody has ended or taken over meanwhile."
          : `Expected version ${change.expect} of the entry, it has ${version}.`;
      return { ok: false, code: "conflict", version: Number(version), message };
    }
    if (code === "replaced") {
      const message = "Expected the latest session of the instance, a later one has changed the entry.";
      return { ok: false, code, message };
    }
    if (code === "not_owner") {
      return {
        ok: false,
        code,
        message: "Expected an entry of your own, this one belongs to another instance.",
      };
    }
    const { stateEntries } = this.#parts.context.limits;
    return { ok: false, code: "too_large", message: `Expected at most ${stateEntries} entries in a state channel.` };
  }
}

function changeArguments(change: ApplyRequest["change"]): readonly ScriptArgument[] {
  if (change.op === "release") return ["release", change.instance, "", "", "", change.holder, ""];
  const { key, expect } = change;
  if (change.op === "remove") {
    const { holder, onlyBy } = change;
    return ["remove", key, "", expect ?? "", "", holder ?? "", onlyBy === null ? "" : `=${onlyBy}`];
  }
  const { data, owner, holder, ownOnly, restores } = change;
  // Whoever may set only its own and has no identity may set nothing that is there.
  const whose = ownOnly ? `=${owner?.instance ?? "?"}` : "";
  return [
    restores === undefined ? "set" : "restore",
    key,
    encodePayload(data),
    restores ?? expect ?? "",
    encodeOwner(owner),
    holder ?? "",
    whose,
  ];
}
