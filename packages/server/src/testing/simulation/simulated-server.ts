import { CarillonError, CLOSE_CODES, type Contract } from "@carillon/protocol";
import type { Backplane, OpenBackplane } from "../../backplane/backplane.ts";
import type { Faults } from "../../core/faults.ts";
import type { Limits } from "../../core/limits.ts";
import { SILENT_LOGGER } from "../../core/logger.ts";
import { GAUGES } from "../../core/metrics.ts";
import { Node, type NodeHooks } from "../../node.ts";
import { Targets } from "../../policy/target.ts";
import { Tickets } from "../../policy/tickets.ts";
import type { ConnectionEvents } from "../../session/connection.ts";
import type { SimulatedConnection } from "./simulated-connection.ts";
import type { SimulatedListener, SimulatedNetwork } from "./simulated-network.ts";
import type { Machine } from "./world.ts";

/** Settings of a {@link SimulatedServer}. */
export interface SimulatedServerOptions {
  readonly machine: Machine;
  readonly network: SimulatedNetwork;
  readonly backplane: Backplane;
  readonly contract: Contract;
  readonly limits: Limits;
  readonly faults: Faults;
  readonly hooks: NodeHooks;
}

/** One process that serves: a whole node, put together as `createCarillon` does, on a machine of a simulation. */
export class SimulatedServer implements SimulatedListener {
  readonly name: string;
  readonly machine: Machine;
  readonly node: Node;
  readonly #options: SimulatedServerOptions;
  #tickets: Tickets | null = null;
  #backplane: OpenBackplane | null = null;
  #isDraining = false;

  constructor(options: SimulatedServerOptions) {
    const { machine, backplane, contract, limits, faults, hooks } = options;
    this.#options = options;
    this.machine = machine;
    this.name = machine.name;
    const node = new Node({
      ports: machine,
      limits,
      logger: SILENT_LOGGER,
      faults,
      targets: new Targets(contract),
      contractVersion: contract.version,
      hooks,
    });
    this.node = node;
    const context = { ports: machine, limits, logger: SILENT_LOGGER, faults, sink: node };
    backplane.open({ ...context, onControl: (message) => node.onControl(message) }, (opened) => {
      if (opened instanceof Error) throw opened;
      this.#backplane = opened;
      this.#tickets = new Tickets(opened.tickets, machine, limits);
      node.open(opened, this.#tickets);
    });
  }

  /** True while it takes connections: open, not draining, not dead. */
  get isAccepting(): boolean {
    return this.node.isOpen && !this.#isDraining && !this.machine.isStopped;
  }

  accept(connection: SimulatedConnection): ConnectionEvents {
    return this.node.accept(connection);
  }

  /** A ticket for a user. */
  ticket(user: string, lifetimeMs: number | null, done: (ticket: string | CarillonError) => void): void {
    if (this.#tickets === null) return done(new CarillonError("unavailable", "The server is not open yet."));
    const request = { user: { id: user }, lifetimeMs };
    this.#tickets.issue(request, (result) => done(result instanceof CarillonError ? result : result.ticket));
  }

  /** Refuses everything that a user has, and ends the user's sessions everywhere. */
  revoke(user: string): void {
    this.#tickets?.revoke(user, () => this.node.revoke(user));
  }

  /** A `kill -9`. `isTold`: the machine resets its connections; otherwise their other ends find out by silence. */
  kill(isTold: boolean): void {
    if (this.machine.isStopped) return;
    this.machine.stop();
    for (const connection of this.#options.network.to(this.name)) connection.dropServer(isTold);
  }

  /** Leaves as `close({ drainMs })` does; `gone` is called when it has. */
  drain(windowMs: number, gone: () => void): void {
    if (!this.isAccepting) return;
    this.#isDraining = true;
    const { machine, node } = this;
    for (const session of node.registry.all()) {
      session.send({ push: "drain", delayMs: Math.round(machine.random() * windowMs) });
    }
    const end = (): void => {
      machine.stop();
      gone();
    };
    machine.after(windowMs + 500, () => {
      node.close();
      for (const connection of this.#options.network.to(this.name)) {
        connection.close(CLOSE_CODES.draining.code, CLOSE_CODES.draining.text);
      }
      // The last words get out before the process ends.
      machine.after(1_000, () => {
        if (this.#backplane === null) end();
        else this.#backplane.close(end);
      });
    });
  }

  /** What it holds for connections, by name; nothing when nobody is connected. */
  holdings(): string[] {
    const { metrics, hub, registry, wheel } = this.node;
    const held: [string, number][] = GAUGES.map((gauge) => [gauge, metrics[gauge]]);
    held.push(["hub", hub.size], ["registry", registry.entries], ["wheel", wheel.size]);
    return held.flatMap(([name, count]) => (count === 0 ? [] : [`${name} ${count}`]));
  }
}
