import type { Position } from "@carillon/protocol";
import type { Backplane } from "../../backplane/backplane.ts";
import type {
  Answer,
  AppendRequest,
  AppendResult,
  ApplyRequest,
  ApplyResult,
  ChannelOptions,
  Failure,
} from "../../backplane/channel-store.ts";
import type { ClusterNode, ControlMessage } from "../../backplane/control.ts";
import type { Faults } from "../../core/faults.ts";
import type { Limits } from "../../core/limits.ts";
import { BrokerDisk, type BrokerWitness, type Kind } from "./broker-disk.ts";
import { BrokerLink } from "./broker-link.ts";
import { CommitQueue } from "./commit-queue.ts";
import { Leases } from "./leases.ts";
import { UNAVAILABLE, type LinkBroker, type StoreWork } from "./link-broker.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { Machine, World } from "./world.ts";

/** Settings of a {@link SimulatedBroker}. */
export interface SimulatedBrokerOptions {
  readonly world: World;
  readonly limits: Limits;
  readonly faults: Faults;
  readonly witness: BrokerWitness;
  /** Longest way of a message between a node and the broker, in milliseconds. */
  readonly delayMaxMs: number;
  /** Longest time from the arrival of a change to its durability, in milliseconds. */
  readonly commitMaxMs: number;
  /** What a node that died held is ended after this long, in milliseconds. */
  readonly leaseMs: number;
}

/**
 * A broker that many nodes share, in a simulation: durable, with a durability point that lags, and with everything that
 * befalls brokers. Changes wait for the next commit, which orders, keeps, answers and delivers them as one act. Reads
 * see what is committed. What is not committed when it crashes is lost.
 */
export class SimulatedBroker implements LinkBroker {
  readonly world: World;
  readonly random: SimulatedRandom;
  isUp = true;
  life = 0;
  readonly #options: SimulatedBrokerOptions;
  readonly #machine: Machine;
  readonly #disk: BrokerDisk;
  readonly #queue: CommitQueue;
  readonly #leases: Leases;
  readonly #links = new Set<BrokerLink>();
  readonly #controls: ControlMessage[] = [];

  constructor(options: SimulatedBrokerOptions) {
    const { world, limits, faults, witness, commitMaxMs } = options;
    this.#options = options;
    this.world = world;
    this.random = world.random.fork("broker chance");
    this.#machine = world.machine("broker");
    this.#disk = new BrokerDisk({
      machine: this.#machine,
      limits,
      faults,
      witness,
      isRunning: () => this.isUp,
      deliver: ({ channel, prev, pos, records }) => {
        for (const link of this.#links) link.deliver(channel, prev, pos, records);
      },
    });
    this.#queue = new CommitQueue({
      world,
      random: this.random,
      commitMaxMs,
      perform: (work) => this.#disk.perform(work),
      undo: () => this.#disk.undo(),
      committed: () => this.#disk.keep(),
    });
    this.#leases = new Leases(world, (request, done) => {
      const run = (): (() => void) => {
        this.#disk.apply(request);
        return done;
      };
      this.#queue.add({ run, fail: () => {} });
    });
  }

  get idempotencyEpoch(): string {
    return this.#disk.idempotencyEpoch;
  }

  get nodes(): readonly ClusterNode[] {
    return [...this.#links].filter((link) => link.isConnected).map(({ machine }) => ({ id: machine.name, since: 0 }));
  }

  get controls(): readonly ControlMessage[] {
    return this.#controls;
  }

  /** True while nothing waits for a commit. */
  get isIdle(): boolean {
    return this.#queue.length === 0;
  }

  /** A backplane for a node on this machine. */
  backplane(machine: Machine): Backplane {
    return {
      name: "simulated",
      open: (context, done) => {
        const link = new BrokerLink({ broker: this, machine, context, delayMaxMs: this.#options.delayMaxMs });
        this.#links.add(link);
        link.open(done);
      },
    };
  }

  /** The link of a node that runs on this machine. */
  linkOf(machine: Machine): BrokerLink | undefined {
    return [...this.#links].find((link) => link.machine === machine);
  }

  // --- what befalls it ---

  /** It dies and comes back; what was not committed is lost, and nobody learns what became of what it had asked. */
  crash(downMs: number): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.world.count("broker crashes");
    if (!this.isIdle) this.world.count("broker crashes with writes in the air");
    this.#queue.lose();
    for (const link of this.#links) link.disconnect();
    this.world.after(downMs, () => {
      this.isUp = true;
      this.#disk.catchUp();
      for (const link of this.#links) link.reconnect();
    });
  }

  /** For a while, commits fail now and then, and answers get lost. */
  shake(forMs: number): void {
    this.#queue.shake(this.world.nowMs + forMs);
  }

  /** The commit that is due fails, and everything in it. */
  failCommit(): void {
    this.#queue.fail();
  }

  /**
   * An old copy is restored: so many changes are as if they had never been. `isNoticed`: nodes lose touch by it, and so
   * look; otherwise they have to find out.
   */
  rollBack(changes: number, kinds: readonly Kind[], isNoticed: boolean): void {
    this.world.count("roll backs");
    this.#queue.fail();
    this.#disk.rollBack(changes, kinds);
    this.#wentBack();
    if (isNoticed) this.#reconnectAll();
  }

  /** Everything is gone, the memory of ids included. */
  wipe(isNoticed: boolean): void {
    this.world.count("wipes");
    this.#queue.fail();
    this.#disk.wipe();
    this.#wentBack();
    if (isNoticed) this.#reconnectAll();
  }

  /** Its clock is set. */
  shiftWall(ms: number): void {
    this.#machine.shiftWall(ms);
  }

  /** A node is dead: what its sessions held ends when its lease does. */
  died(machine: Machine): void {
    const link = this.linkOf(machine);
    link?.disconnect();
    if (link !== undefined) this.#links.delete(link);
    if (link !== undefined) this.#leases.end(link.incarnation, this.#options.leaseMs);
  }

  /** No trouble any more. */
  calm(): void {
    this.#queue.shake(0);
    for (const link of this.#links) link.calm();
  }

  // --- what its links ask ---

  left(incarnation: string): void {
    this.#leases.end(incarnation, this.#options.leaseMs);
  }

  lost(link: BrokerLink): void {
    const { incarnation } = link;
    const isSilent = (): boolean => !link.isConnected && link.incarnation === incarnation && this.isUp;
    this.#leases.end(incarnation, this.#options.leaseMs, isSilent);
  }

  top(channel: string, options: ChannelOptions): Position {
    return this.#disk.top(channel, options);
  }

  look<T>(channel: string, options: ChannelOptions, question: StoreWork<T>): T {
    return this.#disk.look(channel, options, question);
  }

  lookUp<T>(question: StoreWork<Answer<T>>): Answer<T> {
    return this.#disk.lookUp(question);
  }

  credential<T>(work: StoreWork<Answer<T>>, done: (answer: Answer<T>) => void): void {
    this.#change(() => this.#disk.credential(work), done);
  }

  append(request: AppendRequest, isRefused: () => Failure | null, done: (result: AppendResult) => void): void {
    const isEarly = this.#disk.isEarly && isRefused() === null;
    const early = isEarly ? this.#disk.appendEarly(request, done) : null;
    const run = (): AppendResult => {
      const refusal = early === null ? isRefused() : null;
      if (refusal !== null) return refusal;
      const result = early === null ? this.#disk.append(request) : early();
      this.#options.witness.appended(request, result);
      return result;
    };
    this.#change(run, done);
  }

  apply(request: ApplyRequest, incarnation: string, done: (result: ApplyResult) => void): void {
    const run = (): ApplyResult => {
      if (!this.#leases.isHeld(incarnation)) return UNAVAILABLE;
      const result = this.#disk.apply(request);
      // What was refused is somebody else's.
      if (result.ok) this.#leases.changed(request, incarnation);
      return result;
    };
    this.#change(run, done);
  }

  remove(channel: string, options: ChannelOptions, done: (answer: Answer<Position>) => void): void {
    this.#change(() => this.#disk.remove(channel, options), done);
  }

  control(message: ControlMessage): void {
    this.#controls.push(message);
    for (const link of this.#links) link.controlled();
  }

  /** Does something with the next commit, and answers then. */
  #change<T>(run: () => T | Failure, done: (answer: T | Failure) => void): void {
    this.#queue.add({
      run: () => {
        const answer = run();
        return () => done(answer);
      },
      fail: done,
    });
  }

  #wentBack(): void {
    this.life++;
    this.#leases.restored(this.#options.leaseMs);
  }

  #reconnectAll(): void {
    for (const link of this.#links) {
      link.disconnect();
      link.reconnect();
    }
  }
}
