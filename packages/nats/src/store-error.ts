/** Why the backplane could not be opened. */
export type NatsStoreErrorCode =
  | "unreachable"
  | "refused"
  | "no_jetstream"
  | "too_old"
  | "misconfigured"
  | "newer_format";

/** The backplane can't be opened; the sentence says what to do. */
export class NatsStoreError extends Error {
  readonly code: NatsStoreErrorCode;

  constructor(code: NatsStoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NatsStoreError";
    this.code = code;
  }
}

/**
 * A request to the broker came to nothing. `unavailable`: it was not sent, or refused as a whole. `timeout`: it was sent,
 * and whether it was carried out is not known.
 */
export class Trouble extends Error {
  readonly kind: "unavailable" | "timeout";

  constructor(kind: "unavailable" | "timeout", message: string) {
    super(message);
    this.name = "Trouble";
    this.kind = kind;
  }
}

/** A message is larger than NATS takes. */
export class TooLarge extends Error {}
