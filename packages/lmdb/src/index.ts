/** The embedded durable backplane of Carillon: one folder, one server, nothing else to run. */
export { lmdb, type LmdbOptions } from "./lmdb.ts";
export { StoreError, type StoreErrorCode } from "./store-error.ts";
