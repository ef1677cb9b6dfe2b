import type { Position } from "@carillon/protocol";
import type { ChannelRecord, Failure, StoreSink } from "@carillon/server/backplane";
import type { Channel } from "./channel.ts";
import type { Settled } from "./write-queue.ts";

interface Delivery {
  readonly channel: Channel;
  readonly prev: Position;
  pos: Position;
  readonly records: ChannelRecord[];
}

/**
 * What is to be delivered and answered when one commit has ended: first every delivery, one a channel, then the answers
 * in the order of the requests. After a failed commit there are only answers.
 */
export class Outgoing {
  readonly layer: object;
  readonly #sink: StoreSink;
  readonly #deliveries: Delivery[] = [];
  readonly #latest = new Map<Channel, Delivery>();
  readonly #answers: Settled[] = [];

  constructor(layer: object, sink: StoreSink) {
    this.layer = layer;
    this.#sink = sink;
  }

  /** Delivers items of a channel; they join the delivery before if they continue it. */
  deliver(channel: Channel, prev: Position, pos: Position, records: readonly ChannelRecord[]): void {
    const latest = this.#latest.get(channel);
    if (latest?.pos === prev && records.length > 0) {
      latest.pos = pos;
      latest.records.push(...records);
      return;
    }
    const delivery: Delivery = { channel, prev, pos, records: [...records] };
    this.#deliveries.push(delivery);
    this.#latest.set(channel, delivery);
  }

  /** Answers a request. */
  answer(answer: Settled): void {
    this.#answers.push(answer);
  }

  /** The commit has ended. */
  settle(failure: Failure | null): void {
    if (failure === null) {
      for (const { channel, prev, pos, records } of this.#deliveries)
        if (channel.isSubscribed) this.#sink.deliver(channel.name, prev, pos, records);
    }
    for (const answer of this.#answers) answer(failure);
  }
}
