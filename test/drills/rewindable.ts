import type { BrokerAddress } from "./node-process.ts";

/** A broker that can be thrown back to how it was, in each way that happens to brokers. */
export interface Rewindable extends AsyncDisposable {
  /** Where nodes reach it; the same before and after. */
  readonly address: BrokerAddress;
  /** The ways, by name. */
  readonly ways: readonly string[];
  /** Keeps how it is now. What is stored from here on will be lost. */
  keep(way: string): Promise<Rewind>;
}

/** Throws the broker back. */
export interface Rewind {
  /** What a crash does: the broker is gone. */
  crash(): Promise<void>;
  /** It is as it was when it was kept, and can be reached. Resolves to the moment of that, of `performance.now()`. */
  restore(): Promise<number>;
}
