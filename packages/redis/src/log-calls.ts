import {
  epochChanged,
  notYourPublication,
  reused,
  tooManyIds,
  unknownPublication,
  wrongKind,
  OUT_OF_ORDER,
  type AppendRequest,
  type AppendResult,
  type HistoryPage,
  type HistoryRequest,
  type Page,
  type ReadRequest,
  type Answer,
} from "@carillon/server/backplane";
import type { GapReason } from "@carillon/protocol";
import { bucketOf } from "./keys.ts";
import { FailedScopes, type QueuedAppend } from "./lanes.ts";
import { placeArguments, readPlace } from "./place-codec.ts";
import { encodeRecord, readChunks } from "./record-codec.ts";
import { bytesAt, listOf, StrangeReply, textAt } from "./reply.ts";
import { SCRIPTS, type ScriptArgument } from "./scripts.ts";
import { explain, type StoreParts } from "./store-parts.ts";

/** How often a call is made again after the epoch of ids has changed under it. */
const EPOCH_TRIES = 3;
/** The longest that Redis is asked to keep anything: ten years. */
const KEEP_MAX_MS = 315_576_000_000;

/** What is asked of Redis about log channels. */
export class LogCalls {
  readonly #parts: StoreParts;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /**
   * Appends in one call. Answers each request, in order; resolves to the scopes of which something is to be sent again.
   * `answered` is told of each whether its id is remembered now.
   */
  async append(
    channel: string,
    batch: readonly QueuedAppend[],
    answered: (queued: QueuedAppend, isRemembered: boolean) => void,
  ): Promise<ReadonlySet<string>> {
    const failed = new FailedScopes();
    try {
      const reply = await this.#append(channel, batch);
      if (reply.length === 1) {
        for (const queued of batch) this.#answer(queued, wrongKind(channel, "log"), failed, answered);
        return failed.scopes;
      }
      for (const [index, queued] of batch.entries()) {
        this.#answer(queued, resultOf(queued.request, textAt(reply, index + 2)), failed, answered);
      }
    } catch (error) {
      const failure = explain(this.#parts, error);
      for (const queued of batch) this.#answer(queued, failed.share(queued.request, failure), failed, answered);
    }
    return failed.scopes;
  }

  /** The page after a position. */
  async read({ channel, options, after, bounds }: ReadRequest): Promise<Answer<Page>> {
    const { keys, broker, context, headMs } = this.#parts;
    const reply = listOf(
      await broker.run(bucketOf(channel), SCRIPTS.readLog, keys.log(channel), [
        context.ports.id(),
        headMs,
        options.historySize,
        kept(options.historyTtlMs),
        ...placeArguments(after),
        Math.max(1, bounds.items),
        bounds.bytes,
        context.faults.has("no-tag-check") ? "1" : "",
      ]),
    );
    if (reply.length === 1) return wrongKind(channel, "log");
    return { ok: true, value: pageOf(reply) };
  }

  /** Publications before a position. */
  async history({ channel, options, before, limit }: HistoryRequest): Promise<Answer<HistoryPage>> {
    const { keys, broker, context, headMs } = this.#parts;
    const reply = listOf(
      await broker.run(bucketOf(channel), SCRIPTS.history, keys.log(channel), [
        context.ports.id(),
        headMs,
        options.historySize,
        kept(options.historyTtlMs),
        ...(before === null ? ["top", "0", ""] : placeArguments(before)),
        limit,
        context.faults.has("no-tag-check") ? "1" : "",
      ]),
    );
    if (reply.length === 1) return wrongKind(channel, "log");
    const { prev, pos, records, atTop: more } = pageOf(reply);
    const publications = records.filter((record) => record.kind === "publication");
    return { ok: true, value: { prev, pos, records: publications, more } };
  }

  /** Makes the call; the epoch of ids may have changed meanwhile, and then nothing was done. */
  async #append(channel: string, batch: readonly QueuedAppend[]): Promise<readonly unknown[]> {
    const { keys, broker, epoch } = this.#parts;
    for (let tries = 0; tries < EPOCH_TRIES; tries++) {
      const reply = listOf(
        await broker.run(bucketOf(channel), SCRIPTS.append, keys.append(channel), this.#arguments(channel, batch)),
      );
      if (reply.length !== 1 || textAt(reply, 0) !== "lost") return reply;
      await epoch.lost();
    }
    throw new Error("TRYAGAIN The memory of publication ids is being renewed.");
  }

  #arguments(channel: string, batch: readonly QueuedAppend[]): ScriptArgument[] {
    const { keys, epoch, context, headMs } = this.#parts;
    const { ports, limits, faults } = context;
    const { options } = batch[0]!.request;
    const args: ScriptArgument[] = [
      epoch.current,
      ports.id(),
      ports.id(),
      options.historySize,
      kept(options.historyTtlMs),
      limits.idempotencyWindowMs,
      headMs,
      keys.live(channel),
      channel,
      faults.has("no-dedup") ? "1" : "",
    ];
    for (const { request, hasRoom } of batch) {
      const { id, publisher, idempotency } = request;
      const [head, payload] = encodeRecord(request);
      args.push(id, head, payload, publisher === null ? "" : `u${publisher.user}`);
      args.push(idempotency?.scope ?? "", idempotency?.fingerprint ?? "", rareParts(request, hasRoom));
    }
    return args;
  }

  #answer(
    queued: QueuedAppend,
    result: AppendResult,
    failed: FailedScopes,
    answered: (queued: QueuedAppend, isRemembered: boolean) => void,
  ): void {
    answered(queued, result.ok && !result.duplicate);
    queued.request.done(failed.note(queued.request, result));
  }
}

/** What few appends have, in one argument; "" for those that have nothing of it. */
function rareParts({ expiresInMs, amend, idempotency }: AppendRequest, hasRoom: boolean): string {
  const resend = idempotency?.resend ?? null;
  if (expiresInMs === 0 && amend === null && resend === null && hasRoom) return "";
  const epoch = resend?.epoch ?? "";
  const onlyBy = amend === null || amend.onlyBy === null ? "" : `u${amend.onlyBy}`;
  const sizes = `${Buffer.byteLength(epoch)} ${Buffer.byteLength(onlyBy)}`;
  const numbers = `${wholeOf(expiresInMs)} ${wholeOf(resend?.at ?? 0)} ${hasRoom ? 1 : 0} ${sizes}`;
  return `${numbers}\n${epoch}${onlyBy}${amend?.target ?? ""}`;
}

/** As scripts read it: digits alone. */
function wholeOf(ms: number): string {
  return Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(ms))).toFixed(0);
}

/** A duration that Redis can take. */
function kept(ms: number): number {
  return Math.min(KEEP_MAX_MS, Math.max(0, Math.ceil(ms)));
}

/** Why a page does not begin where it was asked for, in the words of the scripts. */
const GAPS: readonly GapReason[] = ["trimmed", "epoch", "rollback"];

/** A page as the scripts that read answer. */
export function pageOf(reply: readonly unknown[]): Page {
  const gap = textAt(reply, 0);
  return {
    prev: readPlace(textAt(reply, 1)).position,
    pos: readPlace(textAt(reply, 2)).position,
    records: readChunks(bytesAt(reply, 4)).map(({ record }) => record),
    atTop: textAt(reply, 3) === "1",
    // A reason that is not known here stands for a gap all the same.
    gap: gap === "" ? null : (GAPS.find((reason) => reason === gap) ?? "unreadable"),
  };
}

function resultOf(request: AppendRequest, text: string): AppendResult {
  if (text.startsWith("+") || text.startsWith("=")) {
    const cut = text.indexOf(" ");
    const pos = readPlace(text.slice(cut + 1)).position;
    return { ok: true, pos, at: Number(text.slice(1, cut)), duplicate: text.startsWith("=") };
  }
  switch (text.slice(1)) {
    case "id_reused":
      return reused(request.id);
    case "epoch_changed":
      return epochChanged();
    case "overloaded":
      return tooManyIds();
    case "out_of_order":
      return OUT_OF_ORDER;
    case "unknown_publication":
      return unknownPublication(request.amend?.target ?? "");
    case "not_owner":
      return notYourPublication();
    default:
      throw new StrangeReply("a result");
  }
}
