import { payloadSize } from "@carillon/server/backplane";
import type { Block, StoredEntry } from "./block.ts";
import type { Replica } from "./chain.ts";
import type { ChannelContext } from "./channel.ts";
import type { Operation, Result } from "./channel-operation.ts";
import { LogDraft } from "./log-draft.ts";
import { StateDraft, type EndOptions } from "./state-draft.ts";
import type { StateReplica } from "./state-replica.ts";

/** A block that is not yet stored, and what each request comes to if it is. */
export interface Draft {
  /** Null: nothing has to be stored. */
  readonly block: Block | null;
  /** Of the first so many operations; the others did not fit. */
  readonly results: readonly Result[];
  readonly hasErasure: boolean;
  /** Room for ids that was reserved for it. */
  readonly reserved: number;
}

/** Bytes of payload in a block; one record may be larger. Readers fetch whole blocks, so they stay small. */
const BLOCK_BYTES = 131_072;
/** What a record's head takes, about. */
const HEAD_BYTES = 256;

/** Makes blocks out of requests. */
export class Drafter {
  readonly #context: ChannelContext;

  constructor(context: ChannelContext) {
    this.#context = context;
  }

  /** Judges operations, appends for a log and changes for a state, as many as one block takes. */
  draft(replica: Replica, operations: readonly Operation[]): Draft {
    return replica.kind === "log" ? this.#draftLog(replica, operations) : this.#draftState(replica, operations);
  }

  /** A block that ends entries; null if there are none to end. */
  ends(replica: StateReplica, isOver: (entry: StoredEntry) => boolean, options: EndOptions): Block | null {
    const draft = this.#state(replica);
    draft.endWhere(isOver, options);
    return draft.isEmpty ? null : draft.block();
  }

  #draftLog(replica: Extract<Replica, { kind: "log" }>, operations: readonly Operation[]): Draft {
    const { backplane, ids, idempotencyEpoch } = this.#context;
    const draft = new LogDraft(replica, {
      ports: backplane.ports,
      ids,
      idempotencyEpoch: idempotencyEpoch(),
      now: this.#now(replica),
      isDedupOff: backplane.faults.has("no-dedup"),
    });
    let bytes = 0;
    for (const operation of operations) {
      if (operation.type !== "append") break;
      const { data, tags, meta } = operation.request;
      const size =
        payloadSize(data) + HEAD_BYTES + (tags === null && meta === null ? 0 : JSON.stringify([tags, meta]).length);
      if (bytes > 0 && bytes + size > BLOCK_BYTES) break;
      bytes += size;
      replica.trim(operation.request.options);
      draft.add(operation.request);
    }
    const { results, hasErasure, reserved } = draft;
    return { block: draft.isEmpty ? null : draft.block(), results, hasErasure, reserved };
  }

  #draftState(replica: StateReplica, operations: readonly Operation[]): Draft {
    const draft = this.#state(replica);
    const now = this.#now(replica);
    // No change may find an entry whose time is over.
    if ((replica.nextEnd ?? Infinity) <= now) draft.endWhere(({ ends }) => ends !== 0 && ends <= now);
    let bytes = 0;
    for (const operation of operations) {
      if (operation.type !== "apply") break;
      const { change } = operation.request;
      const size = HEAD_BYTES + (change.op === "set" ? payloadSize(change.data) : 0);
      if (bytes > 0 && bytes + size > BLOCK_BYTES) break;
      bytes += size;
      draft.add(operation.request);
    }
    return { block: draft.isEmpty ? null : draft.block(), results: draft.results, hasErasure: false, reserved: 0 };
  }

  #state(replica: StateReplica): StateDraft {
    const { backplane, node } = this.#context;
    const { ports, limits } = backplane;
    return new StateDraft(replica, { ports, node, entriesMax: limits.stateEntries, now: this.#now(replica) });
  }

  /** Store time never goes back within a channel, though clocks of nodes differ by a little. */
  #now(replica: Replica): number {
    return Math.max(this.#context.now(), replica.at);
  }
}
