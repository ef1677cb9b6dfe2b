import { CarillonError, isChannelName, isPublicationId } from "@carillon/protocol";
import type { AppendRequest } from "../../backplane/channel-store.ts";
import type { Payload } from "../../backplane/records.ts";
import { countAppend } from "../../core/metrics.ts";
import { onChannel } from "../channel-command.ts";
import type { Answerer, Command, CommandContext } from "../command.ts";
import { encodeAppended } from "../json-codec.ts";
import { readAnnotations, readPayload, readResend } from "../payload.ts";

/** Annotations beyond this are not annotations. Also a limit of the server, which may be lower. */
const ANNOTATIONS_MAX = 4_096;

interface PublishInput {
  readonly channel: string;
  readonly publication: string;
  readonly value: unknown;
  readonly tags: Readonly<Record<string, string>> | null;
  readonly meta: Readonly<Record<string, string>> | null;
  readonly expiresInMs: number;
  readonly resend: { readonly epoch: string; readonly at: number } | null;
}

/** Appends a publication to a log channel, once for each id. */
export const publish: Command<PublishInput> = {
  read(fields, body) {
    const { channel, publication, tags, meta, expiresInMs = 0, resend } = fields;
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (!isPublicationId(publication))
      return "Expected publication to be 1 to 64 printable ASCII characters without space.";
    const payload = readPayload(fields, body);
    if (typeof payload === "string") return payload;
    if ("erased" in payload) return "Expected data or bytes, a publication can't be erased before it exists.";
    const readTags = readAnnotations(tags, "tags", ANNOTATIONS_MAX);
    if (typeof readTags === "string") return readTags;
    const readMeta = readAnnotations(meta, "meta", ANNOTATIONS_MAX);
    if (typeof readMeta === "string") return readMeta;
    if (typeof expiresInMs !== "number" || !(expiresInMs >= 0)) return "Expected expiresInMs to be a positive number.";
    const readAgain = readResend(resend);
    if (typeof readAgain === "string") return readAgain;
    return {
      channel,
      publication,
      value: payload.value,
      tags: readTags,
      meta: readMeta,
      expiresInMs,
      resend: readAgain,
    };
  },

  run(context, input, answer) {
    const { channel, publication } = input;
    const command = { channel, kind: "log", action: "publish to", isGranted: mayPublish } as const;
    keepOrder(context, channel, publication, answer);
    onChannel(context, command, answer, (target, _grant, release) => {
      if (isRefusedForOrder(context, channel, publication, answer)) return release();
      context.host.hooks.validate(target, input.value, (data) => {
        if (data instanceof CarillonError) answer.failWith(data);
        else {
          const { name, options, version } = target;
          submit(context, {
            channel: name,
            options,
            version,
            data,
            id: publication,
            amend: null,
            tags: input.tags,
            meta: input.meta,
            publisher: context.identity.publisher,
            expiresInMs: input.expiresInMs,
            done: answerAppend(context, answer),
            idempotency: {
              scope: context.identity.scope,
              fingerprint: fingerprint(context, "publish", data, annotationsText(input)),
              resend: input.resend,
            },
          });
        }
        release();
      });
    });
  },
};

function mayPublish(grant: { readonly publish: boolean }): boolean {
  return grant.publish;
}

/** What a repetition must have in common beside the data. Most have nothing else. */
function annotationsText({ tags, meta, expiresInMs }: PublishInput): string {
  return tags === null && meta === null && expiresInMs === 0
    ? NO_ANNOTATIONS
    : JSON.stringify([tags, meta, expiresInMs]);
}

const NO_ANNOTATIONS = JSON.stringify([null, null, 0]);

/**
 * Keeps the order of a session's publishes to a channel (P2): if this one fails in a way that invites a repetition,
 * whatever stage it has reached, those behind it are refused until it is sent again.
 */
export function keepOrder(context: CommandContext, channel: string, id: string, answer: Answerer): void {
  answer.whenRetryable(() => context.lane(channel).hold(id));
}

/** True, and answered, when an earlier publish of the session to the channel has to be sent again first (P2). */
export function isRefusedForOrder(context: CommandContext, channel: string, id: string, answer: Answerer): boolean {
  if (!context.isHeld(channel, id)) return false;
  answer.fail("out_of_order", "An earlier publish to the channel failed; send that one again first.");
  return true;
}

/** What to do with the result of an append: the answer to the command. */
export function answerAppend(context: CommandContext, answer: Answerer): AppendRequest["done"] {
  return (result) => {
    countAppend(context.host.metrics, result);
    if (result.ok) answer.okEncoded(encodeAppended(answer.id, result.pos, result.at, context.connection.framing));
    else answer.failure(result);
  };
}

/** Hands an append to the store. */
export function submit(context: CommandContext, request: AppendRequest): void {
  context.host.gulps.published(context.sender);
  // Looked at again when the tick ends: the one before may have failed while this one waited.
  context.host.append(request, context);
}

/**
 * A hash of everything that makes a repetition one; `rest` is JSON text. Bytes and text are told apart, as `"1"` and `1`
 * are by JSON.
 */
export function fingerprint(context: CommandContext, verb: string, data: Payload, rest: string): string {
  const { hash } = context.host.ports;
  return hash(`${verb} ${typeof data === "string" ? data : data === null ? "" : hash(data)} ${rest}`);
}
