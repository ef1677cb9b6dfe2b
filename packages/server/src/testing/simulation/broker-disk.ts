import type { Position } from "@carillon/protocol";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
} from "../../backplane/channel-store.ts";
import type { ChannelRecord } from "../../backplane/records.ts";
import type { Faults } from "../../core/faults.ts";
import type { Limits } from "../../core/limits.ts";
import { SILENT_LOGGER } from "../../core/logger.ts";
import type { StoreWork } from "./link-broker.ts";
import type { Machine } from "./world.ts";
import { Volume } from "./volume.ts";

/** Who is told what is durable, at the moment when it is: the truth that a checker holds clients against. */
export interface BrokerWitness {
  /** A channel is there. `top`: where it stands, before anything happened in it. */
  opened(channel: string, options: ChannelOptions, top: Position): void;
  /** Items of a channel became durable, in its order. */
  committed(channel: string, prev: Position, pos: Position, records: readonly ChannelRecord[]): void;
  /** A channel began a new life. */
  removed(channel: string, top: Position): void;
  /** Channels stand elsewhere now: an old copy was restored, or everything is gone. */
  restored(tops: ReadonlyMap<string, Position>): void;
  /** An append was decided. */
  appended(request: AppendRequest, result: AppendResult): void;
}

/** What a disk needs of its broker. */
export interface BrokerDiskContext {
  readonly machine: Machine;
  readonly limits: Limits;
  readonly faults: Faults;
  readonly witness: BrokerWitness;
  /** False while the broker is down. */
  readonly isRunning: () => boolean;
  /** Tells the nodes of a change. */
  readonly deliver: (change: Change) => void;
}

/** A stretch of a channel that became durable. */
export interface Change {
  readonly channel: string;
  readonly prev: Position;
  readonly pos: Position;
  readonly records: readonly ChannelRecord[];
}

/** Logs and states are kept apart, so that an old copy of the one can be restored without the other. */
export type Kind = ChannelOptions["kind"];

const KINDS: readonly Kind[] = ["log", "state"];

/** What the broker has kept: what is done here is durable, and is told to the witness and to the nodes. */
export class BrokerDisk {
  readonly #context: BrokerDiskContext;
  /** Credentials are with the logs. */
  readonly #volumes: Readonly<Record<Kind, Volume>>;
  readonly #channels = new Map<string, ChannelOptions>();
  /** Changes of the deed that is being done. */
  #changes: Change[] | null = null;
  /** Deeds that no crash undoes. */
  readonly #kept: Record<Kind, number> = { log: 0, state: 0 };

  constructor(context: BrokerDiskContext) {
    this.#context = context;
    this.#volumes = { log: this.#volume(), state: this.#volume() };
  }

  get idempotencyEpoch(): string {
    return this.#volumes.log.look((store) => store.channels.idempotencyEpoch);
  }

  /** The planted faults that act before the commit; see core/faults.ts. */
  get isEarly(): boolean {
    const { faults } = this.#context;
    return faults.has("ack-before-append") || faults.has("visible-before-durable");
  }

  /** Where a channel stands. */
  top(channel: string, options: ChannelOptions): Position {
    this.#open(channel, options);
    return this.#topOf(channel, options);
  }

  look<T>(channel: string, options: ChannelOptions, question: StoreWork<T>): T {
    this.#open(channel, options);
    return this.#volumes[options.kind].look((store) => told((done) => question(store, done)));
  }

  lookUp<T>(question: StoreWork<Answer<T>>): Answer<T> {
    return this.#volumes.log.look((store) => told((done) => question(store, done)));
  }

  credential<T>(work: StoreWork<Answer<T>>): Answer<T> {
    return this.#volumes.log.do((store) => told((done) => work(store, done)));
  }

  append(request: AppendRequest): AppendResult {
    this.#open(request.channel, request.options);
    return this.#volumes.log.do((store) => told((done) => store.channels.append([{ ...request, done }])));
  }

  apply(request: ApplyRequest): ApplyResult {
    this.#open(request.channel, request.options);
    return this.#volumes.state.do((store) => told((done) => store.channels.apply([{ ...request, done }])));
  }

  /** Begins a new life of a channel. An empty delivery that links to nothing tells every node to look. */
  remove(channel: string, options: ChannelOptions): Answer<Position> {
    this.#open(channel, options);
    const changes = this.#changes;
    this.#changes = [];
    const answer = this.#volumes[options.kind].do((store) =>
      told<Answer<Position>>((done) => store.channels.remove(channel, options, done)),
    );
    this.#changes = changes;
    if (!answer.ok) return answer;
    this.#context.witness.removed(channel, answer.value);
    this.#context.deliver({ channel, prev: answer.value, pos: answer.value, records: [] });
    return answer;
  }

  /** Does something, and tells what changed by it. */
  perform(work: () => void): void {
    const changes: Change[] = [];
    this.#changes = changes;
    work();
    this.#changes = null;
    for (const change of changes) this.#tell(change);
  }

  /** A planted fault appends before the commit, and answers or delivers at once; what is returned tells the rest. */
  appendEarly(request: AppendRequest, answer: (result: AppendResult) => void): () => AppendResult {
    const { faults, witness, deliver } = this.#context;
    const changes: Change[] = [];
    this.#changes = changes;
    const result = this.append(request);
    this.#changes = null;
    const isVisible = faults.has("visible-before-durable");
    if (isVisible) for (const change of changes) deliver(change);
    else answer(result);
    return () => {
      for (const { channel, prev, pos, records } of changes) witness.committed(channel, prev, pos, records);
      if (!isVisible) for (const change of changes) deliver(change);
      return result;
    };
  }

  /** Nothing up to now is undone by a crash. */
  keep(kinds: readonly Kind[] = KINDS): void {
    for (const kind of kinds) this.#kept[kind] = this.#volumes[kind].length;
  }

  /** What was done before its commit, by a planted fault, is undone. */
  undo(): void {
    if (this.isEarly) this.#volumes.log.rollBack(this.#kept.log);
  }

  /** It runs again: what came due meanwhile is done. */
  catchUp(): void {
    for (const kind of KINDS) this.perform(() => this.#volumes[kind].catchUp());
  }

  /** Makes it what it was so many changes ago. */
  rollBack(changes: number, kinds: readonly Kind[]): void {
    for (const kind of kinds) this.#volumes[kind].rollBack(this.#volumes[kind].length - changes);
    this.#restored(kinds);
  }

  /** Makes it empty and new. */
  wipe(): void {
    for (const kind of KINDS) this.#volumes[kind].wipe();
    this.#restored(KINDS);
  }

  #restored(kinds: readonly Kind[]): void {
    const tops = new Map<string, Position>();
    for (const [channel, options] of this.#channels) {
      if (kinds.includes(options.kind)) tops.set(channel, this.#topOf(channel, options));
    }
    this.#context.witness.restored(tops);
    this.keep(kinds);
  }

  /** Every channel has its changes told, from its first day on. */
  #open(channel: string, options: ChannelOptions): void {
    if (this.#channels.has(channel)) return;
    this.#channels.set(channel, options);
    this.#context.witness.opened(channel, options, this.#topOf(channel, options));
  }

  #topOf(channel: string, options: ChannelOptions): Position {
    return this.#volumes[options.kind].look((store) => {
      const answer = told<Answer<Position>>((done) => store.channels.subscribe(channel, options, done));
      return answer.ok ? answer.value : "";
    });
  }

  #tell(change: Change): void {
    const { channel, prev, pos, records } = change;
    this.#context.witness.committed(channel, prev, pos, records);
    this.#context.deliver(change);
  }

  #volume(): Volume {
    const { machine, limits, faults, isRunning } = this.#context;
    return new Volume({
      machine,
      limits,
      logger: SILENT_LOGGER,
      faults,
      isRunning,
      changed: (channel, prev, pos, records) => {
        const change: Change = { channel, prev, pos, records };
        if (this.#changes === null) this.#tell(change);
        else this.#changes.push(change);
      },
    });
  }
}

/** What a callback is told within the call. */
function told<T>(ask: (done: (value: T) => void) => void): T {
  const answers: T[] = [];
  ask((value) => answers.push(value));
  if (answers.length === 0) throw new Error("Expected an answer within the call.");
  return answers[0]!;
}
