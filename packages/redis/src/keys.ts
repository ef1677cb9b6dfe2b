import type { ChannelKind } from "@carillon/protocol";

/** In how many buckets channels, credentials and revocations are spread: enough for any number of shards. */
export const BUCKETS = 1_024;

/** The bucket that is used for what all nodes share: the epoch of ids, the control bus, the list of nodes. */
export const SHARED_BUCKET = 0;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The bucket of a name: FNV-1a over its UTF-16 code units, so that it is the same on every node and in every release. */
export function bucketOf(name: string): number {
  let hash = FNV_OFFSET;
  for (let index = 0; index < name.length; index++) hash = Math.imul(hash ^ name.charCodeAt(index), FNV_PRIME);
  // The lowest bits alone depend on few characters.
  return ((hash ^ (hash >>> 15)) >>> 0) % BUCKETS;
}

/**
 * The names of everything in Redis. Each starts with the cluster's name and the bucket in braces, so that Redis Cluster
 * keeps a bucket in one slot: a script may then touch all that a channel has, and one SSUBSCRIBE may name many channels.
 *
 *     <cluster>:{417}:c:chat:lobby   head of the channel        …:l:   its log, or a state channel's journal (Stream)
 *     …:m:  head lines of entries whose payload moved           …:x:   publication ids → newest copy
 *     …:i: …:j:  ids within the window, in two turns            …:h:   entries of a state channel
 *     …:z:  when entries end                                    …:o:   which instance owns which entries
 *     <cluster>:{417}:mark  epoch of ids   :count :journal :cut  what has changed   :dead  nodes   :node:<incarnation>
 */
export class Keys {
  readonly #cluster: string;

  constructor(cluster: string) {
    this.#cluster = cluster;
  }

  /** A key of a bucket. */
  of(bucket: number, name: string): string {
    return `${this.#cluster}:{${bucket}}:${name}`;
  }

  /** The shard channel on which the live items of a channel are published. */
  live(channel: string): string {
    return this.of(bucketOf(channel), `live:${channel}`);
  }

  /** The channel that a shard channel is for, null for another one. */
  channelOf(live: string): string | null {
    const start = live.indexOf("}:live:");
    return start === -1 ? null : live.slice(start + "}:live:".length);
  }

  /** What scripts that append to a log need. */
  append(channel: string): string[] {
    const bucket = bucketOf(channel);
    const of = (kind: string): string => this.of(bucket, `${kind}:${channel}`);
    return [of("c"), of("l"), of("m"), of("x"), of("i"), of("j"), this.of(bucket, "mark"), ...this.#changes(bucket)];
  }

  /** What scripts that read a log need. */
  log(channel: string): string[] {
    return this.append(channel).slice(0, 4);
  }

  /** What scripts about a state channel need. */
  state(channel: string): string[] {
    const bucket = bucketOf(channel);
    const own = ["c", "l", "h", "z", "o"].map((kind) => this.of(bucket, `${kind}:${channel}`));
    return [...own, ...this.#changes(bucket), this.of(bucket, "dead")];
  }

  /** What it takes to remove a channel of a kind, its memory of ids excepted. */
  removal(channel: string, kind: ChannelKind): string[] {
    const own = kind === "log" ? this.log(channel) : this.state(channel).slice(0, 5);
    return [...own, ...this.#changes(bucketOf(channel))];
  }

  /** Head and ends of a channel, and the changes in its bucket. */
  top(channel: string): string[] {
    const bucket = bucketOf(channel);
    return [this.of(bucket, `c:${channel}`), this.of(bucket, `z:${channel}`), this.of(bucket, "count")];
  }

  /** What tells of changes in a bucket: how many, in which channels, and from where on that is known. */
  changes(bucket: number): string[] {
    return this.#changes(bucket);
  }

  #changes(bucket: number): string[] {
    return [this.of(bucket, "count"), this.of(bucket, "journal"), this.of(bucket, "cut")];
  }
}
