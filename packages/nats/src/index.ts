/** The backplane of Carillon for several servers, on NATS with JetStream. */
export { nats, type NatsOptions } from "./nats.ts";
export { NatsStoreError, type NatsStoreErrorCode } from "./store-error.ts";
