import { defineContract, log } from "@carillon/protocol";
import * as v from "valibot";

/** What a message of the chat is: checked by the server, and the types of both pages. */
export const message = v.object({
  name: v.pipe(v.string(), v.trim(), v.minLength(1), v.maxLength(40)),
  msg: v.pipe(v.string(), v.minLength(1), v.maxLength(1000)),
});

export const contract = defineContract({
  channels: { "wschat:main": log({ data: message, history: { size: 100 } }) },
});
