/**
 * React hooks for Carillon: {@link createHooks}, and the types of what the hooks return.
 */
export { createHooks, type HooksOptions } from "./create-hooks.ts";
export type * from "./face.ts";
