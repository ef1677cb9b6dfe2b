/**
 * The wire contract of Carillon, shared by server and client: messages, codec, codes, channel names, and the
 * definition of an application's own contract.
 */
export * from "./channel-name.ts";
export * from "./codec.ts";
export * from "./codes.ts";
export * from "./contract.ts";
export * from "./definition-error.ts";
export * from "./describe.ts";
export * from "./duration.ts";
export * from "./error.ts";
export * from "./json.ts";
export type * from "./messages.ts";
export * from "./pattern.ts";
export * from "./schema.ts";
