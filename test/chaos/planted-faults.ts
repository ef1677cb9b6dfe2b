import { formatPlace, type AppendRequest, type Backplane, type OpenBackplane } from "@carillon/server/backplane";
import type { Fault } from "@carillon/server/testing";

type Channels = OpenBackplane["channels"];

/** Faults of a store, planted around a sound one. One that the server knows by the same name is planted here instead. */
const STORE_FAULTS = {
  /** Answers at once and writes a little later (breaks P2). */
  "ack-before-append": (inner: Channels): Channels => ({
    ...bound(inner),
    append: (batch) => {
      const late = batch.map((request): AppendRequest => ({ ...request, done: () => {} }));
      setTimeout(() => inner.append(late), ACK_EARLY_MS);
      // It can't know the place yet.
      const pos = formatPlace({ epoch: "unknown-epoch", offset: 0, tag: "0" });
      for (const { done } of batch) done({ ok: true, pos, at: Date.now(), duplicate: false });
    },
  }),
  /** Appends a batch from its end (breaks P1). */
  "reversed-batches": (inner: Channels): Channels => ({
    ...bound(inner),
    append: (batch) => inner.append([...batch].reverse()),
  }),
};

/** How much earlier than the write, in milliseconds. */
const ACK_EARLY_MS = 50;

/** A fault of this list. */
type StoreFault = keyof typeof STORE_FAULTS;

/** What can be planted in a node: faults of the server, and faults of the store below it. */
export type PlantedFault = Fault | StoreFault;

/** True for a fault of the store. */
export function isStoreFault(fault: string): fault is StoreFault {
  return Object.hasOwn(STORE_FAULTS, fault);
}

/** A backplane with faults. */
export function withStoreFaults(backplane: Backplane, faults: readonly StoreFault[]): Backplane {
  return {
    name: backplane.name,
    open: (context, done) =>
      backplane.open(context, (opened) => {
        if (opened instanceof Error) return done(opened);
        const channels = faults.reduce((inner, fault) => STORE_FAULTS[fault](inner), opened.channels);
        done({ ...opened, channels });
      }),
  };
}

/** All methods, callable without their object. */
function bound(inner: Channels): Channels {
  return {
    capabilities: inner.capabilities,
    idempotencyEpoch: inner.idempotencyEpoch,
    subscribe: inner.subscribe.bind(inner),
    unsubscribe: inner.unsubscribe.bind(inner),
    append: inner.append.bind(inner),
    apply: inner.apply.bind(inner),
    read: inner.read.bind(inner),
    history: inner.history.bind(inner),
    snapshot: inner.snapshot.bind(inner),
    remove: inner.remove.bind(inner),
    close: inner.close.bind(inner),
  };
}
