/**
 * The one table of codes. A code, once shipped, is never reused for another meaning. A test keeps the tables of
 * PROTOCOL.md equal to this file.
 */

/** Codes of errors in replies, and of the SDK's own errors. */
export const ERROR_CODES = {
  bad_message: "The message is not a well-formed carillon.1 message.",
  unknown_command: "The server does not know the command.",
  not_connected: "A command came before connect, or connect came twice.",
  ticket_refused: "The ticket is unknown, used, expired, or bound to something else.",
  resume_refused: "The resume credential is unknown, used or expired; take a new ticket.",
  contract_mismatch: "The client was built with a contract that this server can't serve.",
  unknown_channel: "No pattern of the contract matches the channel name.",
  forbidden: "The grant does not include the action.",
  wrong_kind: "The command is for the other kind of channel.",
  invalid_data: "The data does not satisfy the contract's schema.",
  already_subscribed: "The session is subscribed to the channel already.",
  not_subscribed: "The session is not subscribed to the channel.",
  id_reused: "The publication id was used with other data.",
  unknown_publication: "The publication is not retained, so it can't be amended.",
  conflict: "The entry does not have the expected version.",
  not_owner: "The entry or publication belongs to someone else.",
  replaced: "A later session of the instance has changed the entry.",
  unknown_call: "No call of the contract has the name.",
  too_large: "A size or count is over its limit.",
  limit_exceeded: "Too many commands in a given time; wait and send again.",
  out_of_order: "An earlier publish to the channel failed and must be sent again first.",
  epoch_changed: "The memory of ids is new or too short: the earlier attempt can't be checked.",
  overloaded: "The server has no room for the command now.",
  unavailable: "The store can't be reached now.",
  timeout: "No answer came in time.",
  internal: "The server failed; its log says how.",
  uncertain: "The publish was attempted and can't be confirmed; sending it again might repeat it.",
  queue_full: "The client's publish queue is full.",
  disconnected: "The client is disconnected for good.",
  aborted: "The caller gave up.",
} as const;

/** A code of the table above. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** The codes after which the same command, unchanged, may succeed later. */
export const RETRYABLE_CODES: readonly string[] = [
  "replaced",
  "limit_exceeded",
  "out_of_order",
  "overloaded",
  "unavailable",
  "timeout",
] satisfies readonly ErrorCode[];

/**
 * Close codes of carillon.1. 4000–4099: reconnect with the resume credential. 4100–4499: reconnect with a new ticket.
 * 4500–4999: do not reconnect. Of the codes below 4000, 1000 means a clean leave and every other means reconnect.
 */
export const CLOSE_CODES = {
  draining: { code: 4000, text: "The node is leaving; reconnect elsewhere." },
  slow: { code: 4001, text: "The reader made no progress for too long." },
  heartbeat_missed: { code: 4002, text: "Nothing was heard from the other end for too long." },
  overloaded: { code: 4003, text: "The node has no room for the connection now." },
  replaced: { code: 4004, text: "The instance came back on another connection." },
  failed: { code: 4005, text: "The node failed while serving the connection." },
  entries_lost: { code: 4006, text: "Entries of the instance were lost; reconnect and set them again." },
  missed: { code: 4007, text: "The node missed what may have been said of the session; reconnect." },
  ticket_refused: { code: 4100, text: "The ticket was refused; take a new one." },
  resume_refused: { code: 4101, text: "The resume credential was refused; take a ticket." },
  session_expired: { code: 4102, text: "The session's lifetime ended without a refresh." },
  connect_timeout: { code: 4103, text: "No connect command came in time." },
  revoked: { code: 4500, text: "The user's access was revoked." },
  disconnected: { code: 4501, text: "The application disconnected the user." },
  protocol_error: { code: 4502, text: "The peer broke the protocol." },
  too_large: { code: 4503, text: "A message was over its limit." },
  too_many_errors: { code: 4504, text: "Too many commands failed in a given time." },
  contract_mismatch: { code: 4505, text: "The client was built with a contract that this server can't serve." },
} as const;

/** Name of a close code of the table above. */
export type CloseName = keyof typeof CLOSE_CODES;

/** What a client does after a close: `resume` and `ticket` say with which credential to come back; `stop`: don't. */
export type AfterClose = "resume" | "ticket" | "stop";

/**
 * What the ranges say about a close code. 1000 is a clean leave; every other code below 4000 is the transport's and
 * means that the connection broke.
 */
export function afterClose(code: number): AfterClose {
  if (code === 1000 || code >= 4500) return "stop";
  return code >= 4100 ? "ticket" : "resume";
}
