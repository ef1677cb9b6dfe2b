/**
 * The Carillon server, embedded in an application: a contract, rules, a backplane, and a node that is attached to any
 * HTTP server of Node.
 */
export type { Backplane, BackplaneContext, OpenBackplane } from "./backplane/backplane.ts";
export { memory } from "./backplane/memory.ts";
export { DEFAULT_LIMITS, type Limits } from "./core/limits.ts";
export { SILENT_LOGGER, type LogFields, type Logger } from "./core/logger.ts";
export { GAUGES, Metrics } from "./core/metrics.ts";
export type { Ports, Timer } from "./core/ports.ts";
export type { ClusterNode } from "./backplane/control.ts";
export {
  Cluster,
  type NodeStats,
  type SurveyOptions,
  type UserConnection,
  type UserConnections,
} from "./face/cluster.ts";
export type { Survey } from "./face/surveys.ts";
export type { Published } from "./face/application-api.ts";
export type {
  AuthorizeContext,
  AuthorizeRules,
  CallHandlers,
  CarillonOptions,
  CommonOptions,
  ConnectedContext,
  ConnectedResult,
  PublishOptions,
  TicketRequest,
  UserSchema,
} from "./face/options.ts";
export type { EntryView, HistoryView, MemberView, Publication } from "./face/views.ts";
export type {
  RawChannelRoute,
  RawClose,
  RawFormat,
  RawHandlerRoute,
  RawPeer,
  RawRoutes,
} from "./gateway/raw-options.ts";
export type { Grant } from "./policy/grant.ts";
export { ownOrigins, parseOriginList } from "./policy/origins.ts";
export { KeyedRateLimit, type KeyedRate, type Rate } from "./policy/rate-limit.ts";
export { Carillon, createCarillon, type CloseOptions, type TicketDesk } from "./server.ts";
export { consoleLogger } from "./transport/console-logger.ts";
export { remoteAddressOf } from "./transport/remote-address.ts";
