import { SimulatedConnection, type SimulatedSocket, type SimulatedSocketEvents } from "./simulated-connection.ts";
import type { ConnectionEvents } from "../../session/connection.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";

/** A server that connections can be made to. */
export interface SimulatedListener {
  readonly name: string;
  /** False: nothing listens there, or it refuses. */
  readonly isAccepting: boolean;
  accept(connection: SimulatedConnection): ConnectionEvents;
}

/** Settings of a {@link SimulatedNetwork}. */
export interface SimulatedNetworkOptions {
  readonly world: World;
  /** Longest way of a piece of data, in milliseconds. */
  readonly delayMaxMs: number;
  /** Bytes under way at most, in each direction of a connection. */
  readonly windowBytes: number;
  /** Queued bytes right after a write from which on a connection tells `drained`. */
  readonly drainBytes: number;
}

interface Established {
  readonly client: string;
  readonly server: string;
  readonly connection: SimulatedConnection;
}

/** The network between clients and servers: every connection, and what befalls it. */
export class SimulatedNetwork {
  readonly #options: SimulatedNetworkOptions;
  readonly #random: SimulatedRandom;
  readonly #established = new Set<Established>();
  readonly #offline = new Set<string>();
  readonly #gone = new Set<string>();
  #serial = 0;

  constructor(options: SimulatedNetworkOptions) {
    this.#options = options;
    this.#random = options.world.random.fork("network");
  }

  /** Connections that neither end has given up. */
  get size(): number {
    return this.#established.size;
  }

  /** Opens a socket of a client to one of the servers, as a load balancer would. */
  open(client: string, servers: readonly SimulatedListener[], events: SimulatedSocketEvents): SimulatedSocket {
    const { world } = this.#options;
    const random = this.#random.fork(`${client} ${this.#serial++}`);
    const accepting = servers.filter(({ isAccepting }) => isAccepting);
    // Balancers learn of a dead server late.
    const server = random.pick(accepting.length > 0 && random.chance(0.9) ? accepting : servers);
    let socket: SimulatedSocket | null = null;
    let isClosed = false;
    const fail = (): void => {
      if (!isClosed) events.close(1006, "");
    };
    world.after(1 + random.int(0, 2 * this.#options.delayMaxMs), () => {
      if (isClosed || this.#gone.has(client)) return;
      // Nobody answers a client that is offline: its attempt fails at once, or by its own patience.
      if (this.#offline.has(client)) return random.chance(0.5) ? fail() : undefined;
      if (server === undefined || !server.isAccepting) return fail();
      socket = this.#establish(client, server, random, events);
      world.after(random.int(0, this.#options.delayMaxMs), () => {
        if (!isClosed && !this.#gone.has(client)) events.open();
      });
    });
    return {
      send: (data) => socket?.send(data),
      close: (code, reason) => {
        isClosed = true;
        socket?.close(code, reason);
      },
    };
  }

  /** Connections of a client, oldest first. */
  of(client: string): SimulatedConnection[] {
    return [...this.#established].flatMap((one) => (one.client === client ? [one.connection] : []));
  }

  /** Connections to a server. */
  to(server: string): SimulatedConnection[] {
    return [...this.#established].flatMap((one) => (one.server === server ? [one.connection] : []));
  }

  /** Nothing of a client's gets through, in either direction, and new attempts fail. */
  takeOffline(client: string): void {
    this.#offline.add(client);
    for (const connection of this.of(client)) {
      connection.stall("up");
      connection.stall("down");
    }
  }

  /** The client can be reached again; what was under way arrives, unless its connections broke meanwhile. */
  bringOnline(client: string): void {
    this.#offline.delete(client);
    for (const connection of this.of(client)) {
      if (this.#random.chance(0.5)) connection.flow();
      else connection.break("both");
    }
  }

  /** A client's machine is gone at once. `isTold`: servers learn of it; otherwise they find out by silence. */
  remove(client: string, isTold: boolean): void {
    this.#gone.add(client);
    for (const connection of this.of(client)) {
      connection.dropClient();
      connection.break(isTold ? "server" : "nobody");
    }
  }

  /** The machine of a server stands still, or is cut off: nothing gets through for a while, and nobody is told. */
  stall(server: string, forMs: number): void {
    const connections = this.to(server);
    for (const connection of connections) {
      connection.stall("up");
      connection.stall("down");
    }
    this.#options.world.after(forMs, () => {
      for (const connection of connections) connection.flow();
    });
  }

  /** The network is well again: nobody is offline, and nothing is stalled. */
  heal(): void {
    this.#offline.clear();
    for (const { connection } of this.#established) connection.flow();
  }

  #establish(
    client: string,
    server: SimulatedListener,
    random: SimulatedRandom,
    events: SimulatedSocketEvents,
  ): SimulatedSocket {
    const { world, delayMaxMs, windowBytes, drainBytes } = this.#options;
    // Each connection has a speed of its own, so that one can overtake another.
    const slownessMs = random.int(0, delayMaxMs);
    const connection = new SimulatedConnection(
      {
        id: random.id(),
        world,
        random,
        delayMs: () => random.int(slownessMs >> 1, slownessMs),
        windowBytes,
        drainBytes,
        remoteAddress: "192.0.2.1",
        over: () => this.#established.delete(established),
      },
      events,
    );
    world.note(`${client} reaches ${server.name}`);
    const established: Established = { client, server: server.name, connection };
    this.#established.add(established);
    connection.serve(server.accept(connection));
    return connection.socket();
  }
}
