import { CarillonError, isChannelName, isPublicationId } from "@carillon/protocol";
import type { Payload } from "../../backplane/records.ts";
import { onChannel } from "../channel-command.ts";
import type { Command } from "../command.ts";
import { readPayload, readResend, type IncomingPayload } from "../payload.ts";
import { answerAppend, fingerprint, isRefusedForOrder, keepOrder, submit } from "./publish.ts";

interface AmendInput {
  readonly channel: string;
  readonly publication: string;
  readonly amendment: string;
  readonly payload: IncomingPayload;
  readonly resend: { readonly epoch: string; readonly at: number } | null;
}

/** Replaces or erases a publication, and tells every subscriber in order. */
export const amend: Command<AmendInput> = {
  read({ channel, publication, amendment, resend, ...fields }, body) {
    if (!isChannelName(channel)) return "Expected channel to be a well-formed channel name.";
    if (!isPublicationId(publication)) return "Expected publication to be the id of a publication.";
    if (!isPublicationId(amendment))
      return "Expected amendment to be 1 to 64 printable ASCII characters without space.";
    const payload = readPayload(fields, body);
    if (typeof payload === "string") return payload;
    const readAgain = readResend(resend);
    if (typeof readAgain === "string") return readAgain;
    return { channel, publication, amendment, payload, resend: readAgain };
  },

  run(context, { channel, publication, amendment, payload, resend }, answer) {
    const command = {
      channel,
      kind: "log",
      action: "amend",
      isGranted: (grant: { amend: unknown }) => grant.amend !== null,
    } as const;
    keepOrder(context, channel, amendment, answer);
    onChannel(context, command, answer, (target, grant, release) => {
      if (isRefusedForOrder(context, channel, amendment, answer)) return release();
      const finish = (data: Payload | CarillonError): void => {
        if (data instanceof CarillonError) answer.failWith(data);
        else {
          const { identity } = context;
          const { options, version } = target;
          const answered = answerAppend(context, answer);
          submit(context, {
            channel,
            options,
            version,
            data,
            id: amendment,
            tags: null,
            meta: null,
            expiresInMs: 0,
            done: (result) => {
              if (!result.ok && result.code === "not_owner") context.notEnough(target);
              answered(result);
            },
            publisher: identity.publisher,
            amend: { target: publication, onlyBy: grant.amend === "any" ? null : identity.publisher.user },
            idempotency: {
              scope: identity.scope,
              fingerprint: fingerprint(context, "amend", data, JSON.stringify([publication, data === null])),
              resend,
            },
          });
        }
        release();
      };
      if ("erased" in payload) finish(null);
      else context.host.hooks.validate(target, payload.value, finish);
    });
  },
};
