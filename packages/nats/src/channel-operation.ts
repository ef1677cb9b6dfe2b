import {
  BatchOrder,
  type AppendRequest,
  type AppendResult,
  type ApplyRequest,
  type ApplyResult,
  type Answer,
  type Failure,
} from "@carillon/server/backplane";
import { RETRYABLE_CODES } from "@carillon/protocol";
import type { Replica } from "./chain.ts";

/** What a channel was asked to do, and until when it may try. */
export type Operation =
  | { readonly type: "append"; readonly deadline: number; readonly request: AppendRequest }
  | { readonly type: "apply"; readonly deadline: number; readonly request: ApplyRequest }
  | { readonly type: "remove"; readonly deadline: number; readonly done: (answer: Answer<string>) => void }
  | Question
  /** The channel's own work; it may fail without anybody being told. */
  | { readonly type: "upkeep"; readonly deadline: number; readonly work: () => Promise<void> };

/** A question that the replica answers, once it has everything that was stored before the question. */
export interface Question {
  readonly type: "ask";
  readonly deadline: number;
  /** True if the whole of a log is needed. */
  readonly needsWhole: (replica: Replica) => boolean;
  readonly answer: (replica: Replica) => void;
  readonly fail: (failure: Failure) => void;
}

/** Tells whoever asked that it failed. */
function fail(operation: Operation, failure: Failure): void {
  switch (operation.type) {
    case "append":
    case "apply":
      operation.request.done(failure);
      return;
    case "remove":
      operation.done(failure);
      return;
    case "ask":
      operation.fail(failure);
      return;
    case "upkeep":
      return;
  }
}

/** Fails operations in their order: of the publishes of one scope the first with the failure, and those behind it for it. */
export function failAll(operations: readonly Operation[], failure: Failure): void {
  const order = new BatchOrder();
  for (const operation of operations) {
    if (operation.type === "append") operation.request.done(order.run(operation.request, () => failure) ?? failure);
    else fail(operation, failure);
  }
}

/** What an append or a change came to. */
export type Result = AppendResult | ApplyResult;

/** Tells the result of an append or a change. */
export function settle(operation: Operation, result: Result): void {
  if (operation.type === "append" && isOfAppend(result)) operation.request.done(result);
  else if (operation.type === "apply" && isOfChange(result)) operation.request.done(result);
}

function isOfAppend(result: Result): result is AppendResult {
  return !result.ok || "duplicate" in result;
}

function isOfChange(result: Result): result is ApplyResult {
  return !result.ok || "version" in result;
}

/** The scopes whose publishes have failed in a way that invites a repetition: what is behind them has to wait (P2). */
export function heldScopes(operations: readonly Operation[], results: readonly Result[]): Set<string> {
  const scopes = new Set<string>();
  for (const [index, operation] of operations.entries()) {
    const result = results[index];
    if (operation.type !== "append" || result === undefined || result.ok) continue;
    if (RETRYABLE_CODES.includes(result.code)) scopes.add(scopeOf(operation.request));
  }
  return scopes;
}

/** Whose publishes keep an order among each other. */
export function scopeOf({ idempotency }: AppendRequest): string {
  return idempotency?.scope ?? "";
}

/** Of all publishes among these. */
export function scopesOf(operations: readonly Operation[]): Set<string> {
  return new Set(operations.flatMap((one) => (one.type === "append" ? [scopeOf(one.request)] : [])));
}
