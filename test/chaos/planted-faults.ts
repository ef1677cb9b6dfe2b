import {
  formatPlace,
  type AppendRequest,
  type Backplane,
  type OpenBackplane,
  type StoreSink,
} from "@carillon/server/backplane";
import type { Fault } from "@carillon/server/testing";

type Channels = OpenBackplane["channels"];

/** A part of a sound store that is replaced by a faulty one. */
interface StoreFaultPlan {
  /** True: the server is given the fault of this name as well. */
  readonly isServersToo?: true;
  readonly channels?: (inner: Channels) => Channels;
  readonly sink?: (inner: StoreSink) => StoreSink;
}

/** Faults of a store, planted around a sound one. One that the server knows by the same name is planted here instead. */
const STORE_FAULTS = {
  /** Answers at once and writes a little later (breaks P2). */
  "ack-before-append": {
    channels: (inner: Channels): Channels => ({
      ...bound(inner),
      append: (batch) => {
        const late = batch.map((request): AppendRequest => ({ ...request, done: () => {} }));
        setTimeout(() => inner.append(late), ACK_EARLY_MS);
        // It can't know the place yet.
        const pos = formatPlace({ epoch: "unknown-epoch", offset: 0, tag: "0" });
        for (const { done } of batch) done({ ok: true, pos, at: Date.now(), duplicate: false });
      },
    }),
  },
  /** Appends a batch from its end (breaks P1). */
  "reversed-batches": {
    channels: (inner: Channels): Channels => ({
      ...bound(inner),
      append: (batch) => inner.append([...batch].reverse()),
    }),
  },
  /** Answers get lost, as a store's may; the server's fault then appends again what is sent again (breaks P3). */
  "no-dedup": {
    isServersToo: true,
    channels: (inner: Channels): Channels => ({ ...bound(inner), append: (batch) => inner.append(batch.map(losing)) }),
  },
  /** Every other live delivery is swallowed, and nobody ever compares (breaks P6): the last one of a channel is missed. */
  "swallowed-live": {
    sink: (inner: StoreSink): StoreSink => {
      let count = 0;
      const deliver: StoreSink["deliver"] = (...delivery) => {
        if (++count % 2 === 0) inner.deliver(...delivery);
      };
      const swallow: Partial<StoreSink> = { deliver, suspect: () => {} };
      return new Proxy(inner, {
        get: (target, name) => {
          const method: unknown = Reflect.get(swallow, name) ?? Reflect.get(target, name);
          return typeof method === "function" ? method.bind(target) : method;
        },
      });
    },
  },
} satisfies Record<string, StoreFaultPlan>;

/** One answer in so many is lost by the store that loses some. */
const LOST_EVERY = 20;

/** Lets some answers of a store get lost: whoever waits for them is told that they did not come in time. */
function losing(request: AppendRequest): AppendRequest {
  if (Math.floor(Math.random() * LOST_EVERY) !== 0) return request;
  const done: AppendRequest["done"] = (result) =>
    request.done(result.ok ? { ok: false, code: "timeout", message: "Lost on purpose." } : result);
  return { ...request, done };
}

/** How much earlier than the write, in milliseconds. */
const ACK_EARLY_MS = 50;

/** A fault of this list. */
type StoreFault = keyof typeof STORE_FAULTS;

/** What can be planted in a node: faults of the server, and faults of the store below it. */
export type PlantedFault = Fault | StoreFault;

function isStoreFault(fault: string): fault is StoreFault {
  return Object.hasOwn(STORE_FAULTS, fault);
}

/** The faults that the server itself is given. */
export function serverFaults(faults: readonly PlantedFault[]): readonly Fault[] {
  return faults.filter((fault): fault is Fault => {
    if (!isStoreFault(fault)) return true;
    const plan: StoreFaultPlan = STORE_FAULTS[fault];
    return plan.isServersToo === true;
  });
}

/** A backplane with faults. */
export function withStoreFaults(backplane: Backplane, faults: readonly PlantedFault[]): Backplane {
  const plans = faults.filter((fault) => isStoreFault(fault)).map((fault): StoreFaultPlan => STORE_FAULTS[fault]);
  return {
    name: backplane.name,
    open: (context, done) => {
      const sink = plans.reduce((inner, plan) => plan.sink?.(inner) ?? inner, context.sink);
      backplane.open({ ...context, sink }, (opened) => {
        if (opened instanceof Error) return done(opened);
        const { tickets, control } = opened;
        const channels = plans.reduce((inner, plan) => plan.channels?.(inner) ?? inner, opened.channels);
        done({ channels, tickets, control, close: (closed) => opened.close(closed) });
      });
    },
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
