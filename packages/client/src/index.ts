/**
 * The Carillon SDK for browsers and Node.js: {@link connect}, and the types of what it returns.
 */
export { CarillonError } from "@carillon/protocol";
export { connect, type ConnectOptions } from "./connect.ts";
export type { ConnectionChange, ConnectionState } from "./core/connection.ts";
export type { ListenerOptions, Removal } from "./core/emitter.ts";
export type { Change } from "./core/entries.ts";
export type { InstanceEvents } from "./core/instance.ts";
export type { Amendment, Entry, Publication, PublicationBase, Tombstone } from "./core/items.ts";
export type { Cancel, ClientPorts, EnvironmentEvent, Socket, SocketEvents } from "./core/ports.ts";
export type { Gap, SubscribeOptions, SubscriptionChange, SubscriptionState } from "./core/subscription.ts";
export type * from "./face.ts";
export type { RuntimeOptions, WebSocketConstructor, WebSocketLike } from "./runtime.ts";
