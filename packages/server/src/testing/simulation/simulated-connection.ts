import type { Connection, ConnectionEvents, Framing } from "../../session/connection.ts";
import { FrameReader, SIMULATED_FRAMING } from "./frames.ts";
import { Pipe } from "./pipe.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { World } from "./world.ts";

/** What a client's socket tells; the same as the SDK's port. After `close` it tells nothing more. */
export interface SimulatedSocketEvents {
  open(): void;
  message(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
}

/** A client's socket; the same as the SDK's port. */
export interface SimulatedSocket {
  send(data: string | Uint8Array): void;
  close(code: number, reason: string): void;
}

/** Settings of a {@link SimulatedConnection}. */
export interface SimulatedConnectionOptions {
  readonly id: string;
  readonly world: World;
  readonly random: SimulatedRandom;
  readonly delayMs: () => number;
  /** Bytes under way at most, in each direction. */
  readonly windowBytes: number;
  /** Queued bytes right after a write from which on `drained` is owed. */
  readonly drainBytes: number;
  readonly remoteAddress: string;
  /** The connection is over at both ends. */
  readonly over: () => void;
}

/** How a connection breaks: who learns of it at once. The others find out by silence. */
export type Breakage = "both" | "client" | "server" | "nobody";

/** One connection: the server's end is a `Connection`, the client's a socket, and between them two pipes of bytes. */
export class SimulatedConnection implements Connection {
  readonly id: string;
  readonly remoteAddress: string;
  readonly origin: string | null = null;
  readonly framing: Framing = SIMULATED_FRAMING;
  readonly #options: SimulatedConnectionOptions;
  readonly #down: Pipe;
  readonly #up: Pipe;
  #server: ConnectionEvents | null = null;
  #client: SimulatedSocketEvents | null;
  #hasServerClosed = false;
  #owesDrained = false;

  constructor(options: SimulatedConnectionOptions, client: SimulatedSocketEvents) {
    const { id, world, delayMs, windowBytes, remoteAddress } = options;
    this.#options = options;
    this.id = id;
    this.remoteAddress = remoteAddress;
    this.#client = client;
    const down = new FrameReader((payload) => this.#client?.message(payload));
    const up = new FrameReader((payload) => this.#receive(payload));
    const common = { world, delayMs, windowBytes };
    this.#down = new Pipe({ ...common, arrive: (bytes) => down.read(bytes), taken: () => this.#taken() });
    this.#up = new Pipe({ ...common, arrive: (bytes) => up.read(bytes) });
  }

  /** True once neither end is there any more. */
  get isOver(): boolean {
    return this.#server === null && this.#client === null;
  }

  /** The server takes it. */
  serve(events: ConnectionEvents): void {
    this.#server = events;
  }

  // --- the server's end ---

  get queuedBytes(): number {
    return this.#down.queuedBytes;
  }

  get takenBytes(): number {
    return this.#down.takenBytes;
  }

  opened(): void {
    // The simulation has no strangers to bound.
  }

  probe(): void {
    // Only raw peers are asked, and there are none.
  }

  write(frames: Uint8Array): void {
    if (this.#server === null || this.#hasServerClosed) return;
    this.#down.write(frames);
    this.#owe();
  }

  writeAll(frames: readonly Uint8Array[]): void {
    if (this.#server === null || this.#hasServerClosed) return;
    for (const buffer of frames) this.#down.write(buffer);
    this.#owe();
  }

  pause(): void {
    this.#up.pause();
  }

  leaveUnread(): void {
    // A hint. When things arrive is decided by the test.
  }

  readOn(): void {
    // As above.
  }

  resume(): void {
    this.#up.resume();
  }

  close(code: number, reason: string): void {
    if (this.#server === null || this.#hasServerClosed) return;
    this.#hasServerClosed = true;
    this.#down.finish(() => this.#endClient(code, reason));
    // The other end answers the close, or is cut after a while; the session has ended already.
    this.#options.world.after(CLOSE_MS, () => this.#endServer(code, false));
  }

  terminate(): void {
    this.break("both");
  }

  // --- the client's end ---

  /** What the client holds in its hand. */
  socket(): SimulatedSocket {
    return {
      send: (data) => {
        if (this.#client === null) return;
        this.#up.write(typeof data === "string" ? this.framing.text(data) : this.framing.binary(data));
      },
      close: (code) => {
        if (this.#client === null) return;
        this.#client = null;
        this.#up.finish(() => this.#endServer(code, code === 1000));
        this.#checkOver();
      },
    };
  }

  // --- the network between ---

  /** What is sent gets lost on the way for a while, and then arrives late. */
  stall(direction: "up" | "down"): void {
    (direction === "up" ? this.#up : this.#down).stall();
  }

  /** Both directions get through again. */
  flow(): void {
    this.#up.flow();
    this.#down.flow();
  }

  /** Breaks at any byte of what is under way. Who is not told finds out by silence, or never. */
  break(breakage: Breakage): void {
    const { random, world } = this.#options;
    const tellsClient = breakage === "both" || breakage === "client";
    const tellsServer = breakage === "both" || breakage === "server";
    const later = (tell: () => void): void => void world.after(random.int(0, 30), tell);
    this.#down.cut(tellsClient ? random : null, () => {
      if (tellsClient) later(() => this.#endClient(1006, ""));
    });
    this.#up.cut(random, () => {
      if (tellsServer) later(() => this.#endServer(1006, false));
    });
  }

  /** The client's machine is gone, without a word. */
  dropClient(): void {
    this.#client = null;
    this.#checkOver();
  }

  /** The server's process is gone: `isTold`: its machine resets the connection, otherwise the client finds out by silence. */
  dropServer(isTold: boolean): void {
    this.#server = null;
    this.break(isTold ? "client" : "nobody");
    this.#checkOver();
  }

  #receive(payload: string | Uint8Array): void {
    if (typeof payload === "string") this.#server?.text(payload);
    else this.#server?.binary(payload);
  }

  #owe(): void {
    if (this.queuedBytes >= this.#options.drainBytes) this.#owesDrained = true;
  }

  #taken(): void {
    if (!this.#owesDrained || this.queuedBytes > 0) return;
    this.#owesDrained = false;
    this.#server?.drained();
  }

  #endClient(code: number, reason: string): void {
    const client = this.#client;
    this.#client = null;
    client?.close(code, reason);
    this.#checkOver();
  }

  #endServer(code: number, isClean: boolean): void {
    const server = this.#server;
    this.#server = null;
    server?.closed(code, isClean);
    this.#checkOver();
  }

  #checkOver(): void {
    if (this.isOver) this.#options.over();
  }
}

/** A server that has closed waits this long for the other end. */
const CLOSE_MS = 200;
