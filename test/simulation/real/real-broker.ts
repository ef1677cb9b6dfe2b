import type { Backplane, ChannelOptions, ControlMessage } from "@carillon/server/backplane";
import type { Machine, Truth } from "@carillon/server/testing";
import type { Broker } from "../broker.ts";
import type { BrokerServer } from "./broker-server.ts";
import { RealLink } from "./real-link.ts";
import type { RealWorld } from "./real-world.ts";
import { Witness } from "./witness.ts";

/** What a real broker is made of. */
export interface RealBrokerOptions {
  readonly world: RealWorld;
  readonly truth: Truth;
  readonly server: BrokerServer;
  readonly channels: ReadonlyMap<string, ChannelOptions>;
}

/** A copy is as old as this for each change that a model would undo, in milliseconds. */
const COPY_AGE_MS = 25;
/** A server that shakes stands still for this long at a time. */
const SHAKE_MS = 250;

/**
 * A real server in the place of the model: what befalls it, and the way of each node to it. What is done to the server is
 * done one after the other. After it was down nobody is let in before the witness has seen what it has.
 */
export class RealBroker implements Broker {
  readonly controls: ControlMessage[] = [];
  readonly isIdle = false;
  readonly #options: RealBrokerOptions;
  readonly #links = new Set<RealLink>();
  readonly #ending = new Set<Promise<void>>();
  #witness: Witness;
  #witnesses = 0;
  #isUp = true;
  #isCalm = false;
  #work: Promise<void> = Promise.resolve();

  constructor(options: RealBrokerOptions) {
    this.#options = options;
    this.#witness = this.#newWitness();
  }

  /** Opens the witness: from then on everything is seen. */
  async open(): Promise<void> {
    await this.#witness.open();
    const { truth, channels } = this.#options;
    for (const [channel, top] of this.#witness.tops) {
      const options = channels.get(channel);
      if (options !== undefined) truth.opened(channel, options, top);
    }
  }

  backplane(machine: Machine): Backplane {
    const { world, server } = this.#options;
    return {
      name: "real",
      open: (context, done) => {
        const isUp = (): boolean => this.#isUp;
        const link = new RealLink({
          world,
          machine,
          kind: server.kind,
          port: server.port,
          backplane: server.backplane,
          isUp,
        });
        this.#links.add(link);
        void link.open(context, done);
      },
    };
  }

  linkOf(machine: Machine): RealLink | undefined {
    return [...this.#links].find((link) => link.machine === machine);
  }

  crash(downMs: number): void {
    this.#do("broker crashes", async () => {
      const { server } = this.#options;
      await server.kill();
      await this.#down(async () => {
        await this.#pass(downMs);
        const blinded = this.#witness.close();
        await server.start();
        await Promise.all([blinded, this.#renewWitness()]);
        await this.#witness.catchUp();
      });
    });
  }

  shake(forMs: number): void {
    this.#do("broker stood still", async () => {
      const { server } = this.#options;
      for (let leftMs = forMs; leftMs > 0 && !this.#isCalm; leftMs -= 2 * SHAKE_MS) {
        await server.pause();
        await this.#pass(Math.min(leftMs, SHAKE_MS));
        server.resume();
        await this.#pass(SHAKE_MS);
      }
    });
  }

  failCommit(): void {
    this.#options.world.count("answers cut off");
    for (const link of this.#links) link.cut();
  }

  rollBack(changes: number): void {
    this.#do("roll backs", async () => {
      const { server } = this.#options;
      await server.keep();
      await this.#pass(changes * COPY_AGE_MS);
      await this.#restore();
    });
  }

  wipe(): void {
    this.#do("wipes", () => this.#restore());
  }

  shiftWall(): void {
    // The clock of the machine is everybody's.
  }

  died(machine: Machine): void {
    const link = this.linkOf(machine);
    if (link === undefined) return;
    this.#links.delete(link);
    const ending = link.end();
    this.#ending.add(ending);
    void ending.then(() => this.#ending.delete(ending));
  }

  calm(): void {
    this.#isCalm = true;
    for (const link of this.#links) link.calm();
  }

  /** Ends everything but the server. */
  async close(): Promise<void> {
    this.#isCalm = true;
    await this.#work;
    for (const link of this.#links) this.died(link.machine);
    await Promise.all(this.#ending);
    await this.#witness.close();
  }

  /** Does something to the server, behind what is being done to it; not any more once all trouble is over. */
  #do(what: string, work: () => Promise<void>): void {
    const before = this.#work;
    this.#work = (async () => {
      await before;
      if (this.#isCalm) return;
      const { world } = this.#options;
      world.count(what);
      world.note(`the broker: ${what}`);
      try {
        await work();
      } catch (error) {
        world.fail(error);
      }
      world.note("the broker is as before");
    })();
  }

  /** Nobody is let in meanwhile. */
  async #down(work: () => Promise<void>): Promise<void> {
    this.#isUp = false;
    for (const link of this.#links) link.update();
    await work();
    this.#isUp = true;
    for (const link of this.#links) link.update();
  }

  /** Puts the copy that was kept in place of everything, or nothing if there is none. */
  #restore(): Promise<void> {
    const { server, truth } = this.#options;
    return this.#down(async () => {
      // What was stored and will be undone was true, and may have been told.
      await this.#witness.catchUp();
      const blinded = this.#witness.close();
      await server.kill();
      await server.restore();
      await server.start();
      await Promise.all([blinded, this.#renewWitness()]);
      truth.restored(this.#witness.tops);
      await this.#witness.catchUp();
    });
  }

  /**
   * Two witnesses would tell everything twice, and one that was there before the server went back would tell of that as
   * of what happens: the one before has to be closed when the server starts.
   */
  async #renewWitness(): Promise<void> {
    this.#witness = this.#newWitness();
    await this.#witness.open();
  }

  #newWitness(): Witness {
    const { world, truth, server, channels } = this.#options;
    return new Witness(
      {
        world,
        truth,
        channels,
        backplane: server.backplane(server.port),
        onControl: (message) => this.controls.push(message),
        onBlind: (what) => world.note(`THE WITNESS IS BLIND: ${what}`),
      },
      `witness ${this.#witnesses++}`,
    );
  }

  #pass(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#options.world.after(ms, resolve));
  }
}
