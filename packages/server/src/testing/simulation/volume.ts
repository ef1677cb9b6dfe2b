import type { BackplaneContext, OpenBackplane } from "../../backplane/backplane.ts";
import type { StoreSink } from "../../backplane/channel-store.ts";
import { openMemory } from "../../backplane/memory.ts";
import type { Ports } from "../../core/ports.ts";
import type { Machine } from "./world.ts";

/** Something that was done to a volume, and when. */
interface Deed {
  readonly wallMs: number;
  readonly monotonicMs: number;
  readonly redo: (store: OpenBackplane) => void;
}

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** What a volume needs: a machine's world, and what a backplane is opened with. */
export interface VolumeContext extends Omit<BackplaneContext, "ports" | "sink" | "onControl"> {
  readonly machine: Machine;
  /** Told what changed, at the moment when it changes. */
  readonly changed: StoreSink["deliver"];
  /** False while no timer may do its work; what came due is done at the next {@link Volume.catchUp}. */
  readonly isRunning: () => boolean;
}

/**
 * What a broker has on disk: the memory backplane's logs, states, ids and tickets, made so that it can go back. Every
 * change is a deed; an old copy is made by doing the first deeds again, under the clocks and with the ids of the first
 * time. So it is the same store, positions included.
 */
export class Volume {
  readonly #context: VolumeContext;
  #ids: string[] = [];
  #deeds: Deed[] = [];
  #store: OpenBackplane;
  /** While deeds are done again: when the present one was done, and how many ids were drawn again. */
  #past: { at: Pick<Deed, "wallMs" | "monotonicMs">; ids: number } | null = null;
  #timers = new Map<number, PendingTimer>();
  #timerSerial = 0;
  /** Changes whenever the store is made anew: timers of an older one do nothing. */
  #generation = 0;

  constructor(context: VolumeContext) {
    this.#context = context;
    this.#store = this.#open();
  }

  /** How many deeds it has. */
  get length(): number {
    return this.#deeds.length;
  }

  /** Changes something. Answers must not be given from within `work`, since it may be done again. */
  do<T>(work: (store: OpenBackplane) => T): T {
    const { machine } = this.#context;
    this.#deeds.push({ wallMs: machine.wallMs(), monotonicMs: machine.monotonicMs(), redo: work });
    return work(this.#store);
  }

  /** Asks something; a channel that is opened by it is opened by a deed. */
  look<T>(work: (store: OpenBackplane) => T): T {
    const ids = this.#ids.length;
    const result = work(this.#store);
    const drawn = this.#ids.slice(ids);
    if (drawn.length === 0) return result;
    const { machine } = this.#context;
    this.#deeds.push({ wallMs: machine.wallMs(), monotonicMs: machine.monotonicMs(), redo: work });
    return result;
  }

  /** Makes it what it was after so many deeds. */
  rollBack(length: number): void {
    this.#deeds = this.#deeds.slice(0, Math.max(0, length));
    this.#past = { at: { wallMs: 0, monotonicMs: 0 }, ids: 0 };
    this.#store = this.#open();
    for (const deed of this.#deeds) {
      this.#past.at = deed;
      deed.redo(this.#store);
    }
    this.#ids.length = this.#past.ids;
    this.#past = null;
    for (const serial of this.#timers.keys()) this.#start(serial);
  }

  /** Makes it empty and new: other epochs, another memory of ids. */
  wipe(): void {
    this.#deeds = [];
    this.#ids = [];
    this.#store = this.#open();
  }

  /** What came due while it was not running. */
  catchUp(): void {
    const now = this.#context.machine.monotonicMs();
    for (const [serial, { dueMs }] of this.#timers) if (dueMs <= now) this.#ring(serial);
  }

  #open(): OpenBackplane {
    this.#generation++;
    this.#timers = new Map();
    this.#timerSerial = 0;
    const { machine, changed, ...context } = this.#context;
    const deliver: StoreSink["deliver"] = (...change) => {
      if (this.#past === null) changed(...change);
    };
    return openMemory({
      ...context,
      ports: this.#ports(machine),
      sink: { deliver, suspect: () => {}, available: () => {}, ownershipLost: () => {} },
      onControl: () => {},
    });
  }

  #ports(machine: Machine): Ports {
    const generation = this.#generation;
    return {
      monotonicMs: () => this.#past?.at.monotonicMs ?? machine.monotonicMs(),
      wallMs: () => this.#past?.at.wallMs ?? machine.wallMs(),
      after: (delayMs, callback) => {
        const serial = this.#timerSerial++;
        const dueMs = (this.#past?.at.monotonicMs ?? machine.monotonicMs()) + delayMs;
        this.#timers.set(serial, { dueMs, callback });
        if (this.#past === null) this.#start(serial);
        return {
          cancel: () => {
            if (generation === this.#generation) this.#timers.delete(serial);
          },
        };
      },
      endOfTick: (callback) => machine.endOfTick(callback),
      random: () => machine.random(),
      id: () => this.#id(machine),
      hash: machine.hash,
      digest: machine.digest,
    };
  }

  /** A timer's work is a deed: done again, it is done at the same place among the others. */
  #start(serial: number): void {
    const { machine, isRunning } = this.#context;
    const timer = this.#timers.get(serial);
    const generation = this.#generation;
    if (timer === undefined) return;
    machine.after(timer.dueMs - machine.monotonicMs(), () => {
      if (generation === this.#generation && isRunning()) this.#ring(serial);
    });
  }

  #ring(serial: number): void {
    if (!this.#timers.has(serial)) return;
    this.do(() => {
      const timer = this.#timers.get(serial);
      this.#timers.delete(serial);
      timer?.callback();
    });
  }

  #id(machine: Machine): string {
    const again = this.#past === null ? undefined : this.#ids[this.#past.ids++];
    if (again !== undefined) return again;
    const id = machine.id();
    this.#ids.push(id);
    return id;
  }
}
