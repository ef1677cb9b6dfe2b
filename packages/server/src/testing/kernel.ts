import { CarillonError, type Contract } from "@carillon/protocol";
import type { BackplaneContext } from "../backplane/backplane.ts";
import type { ChannelStore } from "../backplane/channel-store.ts";
import { openMemory } from "../backplane/memory.ts";
import { NO_FAULTS, type Faults } from "../core/faults.ts";
import { DEFAULT_LIMITS, type Limits } from "../core/limits.ts";
import { SILENT_LOGGER } from "../core/logger.ts";
import { Node, type NodeHooks } from "../node.ts";
import { resolveGrant } from "../policy/grant.ts";
import { Targets } from "../policy/target.ts";
import { Tickets } from "../policy/tickets.ts";
import { MemoryConnection, type MemoryConnectionOptions } from "./memory-connection.ts";
import type { VirtualWorld } from "./virtual-world.ts";

/** Settings of a {@link Kernel}. */
export interface KernelOptions {
  readonly world: VirtualWorld;
  readonly contract: Contract;
  /** Beside the defaults. */
  readonly limits?: Partial<Limits>;
  /** Planted faults, for controls. Default: none. */
  readonly faults?: Faults;
  /** Beside those that allow everything and take every value as it is. */
  readonly hooks?: Partial<NodeHooks>;
  /** Makes the channel store. Default: the memory store. */
  readonly openChannels?: (context: BackplaneContext) => ChannelStore;
}

/** A whole node on a virtual clock, with connections in memory: everything of a server but its face and its sockets. */
export class Kernel {
  readonly node: Node;
  readonly #world: VirtualWorld;
  readonly #tickets: Tickets;

  constructor({ world, contract, limits = {}, faults = NO_FAULTS, hooks = {}, openChannels }: KernelOptions) {
    this.#world = world;
    const node = new Node({
      ports: world,
      limits: { ...DEFAULT_LIMITS, ...limits },
      logger: SILENT_LOGGER,
      faults,
      targets: new Targets(contract),
      contractVersion: contract.version,
      hooks: { ...PERMISSIVE, ...hooks },
    });
    this.node = node;
    const context: BackplaneContext = {
      ports: world,
      limits: node.limits,
      logger: SILENT_LOGGER,
      faults,
      sink: node,
      onControl: (message) => node.onControl(message),
    };
    const memory = openMemory(context);
    const backplane = openChannels === undefined ? memory : { ...memory, channels: openChannels(context) };
    this.#tickets = new Tickets(backplane.tickets, world, node.limits);
    node.open(backplane, this.#tickets);
  }

  /** A ticket for a user. */
  ticket(user: string): string {
    let ticket = "";
    this.#tickets.issue({ user: { id: user } }, (result) => {
      if (result instanceof CarillonError) throw result;
      ({ ticket } = result);
    });
    return ticket;
  }

  /** A connection that was just accepted; say `connect` on it. */
  accept(options: Partial<MemoryConnectionOptions> = {}): MemoryConnection {
    const { id = this.#world.id() } = options;
    const connection = new MemoryConnection({
      endOfTick: (callback) => this.#world.endOfTick(callback),
      ...options,
      id,
    });
    connection.serve(this.node.accept(connection));
    return connection;
  }
}

/** Makes a {@link Kernel}. */
export function createKernel(options: KernelOptions): Kernel {
  return new Kernel(options);
}

const EVERYTHING = resolveGrant({ subscribe: true, publish: true, amend: "own", set: "own" });

const PERMISSIVE: NodeHooks = {
  authorize: (_identity, _target, done) => done(EVERYTHING),
  validate: (_target, value, done) => done(value instanceof Uint8Array ? value : JSON.stringify(value)),
  call: (_identity, name, _input, done) => done(new CarillonError("unknown_call", `There is no call "${name}".`)),
  connected: () => {},
};
