/**
 * For those who build a backplane: the interfaces with their guarantees, and what every store does in the same way.
 * An application has no use for it; it takes a backplane as it is.
 */
export type { Backplane, BackplaneContext, OpenBackplane } from "./backplane/backplane.ts";
export type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  ChannelStore,
  Failure,
  HistoryPage,
  HistoryRequest,
  Idempotency,
  Page,
  PageBounds,
  ReadRequest,
  Snapshot,
  StoreCapabilities,
  StoreSink,
} from "./backplane/channel-store.ts";
export type { ClusterNode, Control, ControlMessage } from "./backplane/control.ts";
export { ControlQueue } from "./backplane/control-queue.ts";
export {
  BatchOrder,
  epochChanged,
  notYourPublication,
  OUT_OF_ORDER,
  reused,
  tooManyCredentials,
  tooManyIds,
  unknownPublication,
  wrongKind,
} from "./backplane/failures.ts";
export { loopback } from "./backplane/loopback.ts";
export { payloadSize } from "./backplane/records.ts";
export {
  historyBefore,
  flawOf,
  oldestPlace,
  pageAfter,
  type LogEntry,
  type RetainedLog,
} from "./backplane/retained-log.ts";
export { changesAfter, type RetainedState, type StateLink } from "./backplane/retained-state.ts";
export { firstPlace, formatPlace, nextPlace, parsePlace, type Place } from "./backplane/position.ts";
export type {
  AmendRecord,
  ChannelRecord,
  EntryRecord,
  LogRecord,
  Payload,
  PublicationRecord,
  RemovalRecord,
  StateRecord,
} from "./backplane/records.ts";
export { Ring } from "./backplane/ring.ts";
export {
  holderAfter,
  isRefresh,
  refuseChange,
  refuseRestoration,
  type EndedEntry,
  type EntryChange,
  type HeldEntry,
  type SetChange,
} from "./backplane/state-rules.ts";
export type { TicketStore } from "./backplane/ticket-store.ts";
export type { Faults } from "./core/faults.ts";
export { formatHolder, isLaterSession } from "./core/holder.ts";
export type { Limits } from "./core/limits.ts";
export type { Logger } from "./core/logger.ts";
export type { Ports, Timer } from "./core/ports.ts";
