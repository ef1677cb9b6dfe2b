import type { ModelClient } from "./model-client.ts";
import type { Simulation } from "./simulation.ts";
import type { Shown } from "./wire.ts";

/** How many ids are remembered to be amended. */
const RECENT_MAX = 12;

/** A simulation, and what the commands of a scenario need to remember of each other. */
export class Stage {
  readonly simulation: Simulation;
  readonly #recent = new Map<string, string[]>();
  #count = 0;

  constructor(simulation: Simulation) {
    this.simulation = simulation;
  }

  /** A fresh id, which tells when it was made. */
  id(name: string): string {
    return `${name}-${++this.#count}`;
  }

  /** Publishes what is shown of a fresh id. */
  publish(client: ModelClient, channel: string, show: (id: string) => Shown, expiresInMs: number): void {
    const id = this.id(client.name);
    client.attempts.add({ channel, id, target: null, value: show(id), expiresInMs });
    const recent = [...(this.#recent.get(channel) ?? []), id];
    this.#recent.set(channel, recent.slice(-RECENT_MAX));
  }

  /** The id of a publication that was made some time ago. */
  recent(channel: string, back: number): string | undefined {
    return this.#recent.get(channel)?.at(-1 - back);
  }
}
