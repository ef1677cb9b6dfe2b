import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

/** Connections through one proxy at most; more are reset. */
const CONNECTIONS_MAX = 512;

/** Where the proxy forwards to; read anew for each connection, so that a server can be started, or replaced, behind it. */
export interface TcpTarget {
  readonly host: string;
  readonly port: number;
}

/** Takes bytes as they come, and returns those that are to be sent on now. */
export type ByteFilter = (bytes: Buffer) => Buffer;

/**
 * A TCP proxy that fails on command, as networks do. A test owns it and closes it, with all that passes through it.
 *
 *     client ──▶ proxy ──▶ server        reset(): both ends of all connections get a RST
 *                                        stall(): bytes stop, in both directions, and nobody is told
 *                                        refuse(): whoever comes new gets a RST
 *                                        cutAfter(n): the connection with the n-th byte from now ends behind it
 */
export class TcpProxy {
  readonly #server: Server;
  readonly #links = new Set<Link>();
  readonly #target: TcpTarget;
  #isStalled = false;
  #isRefusing = false;
  #refused = 0;
  /** Bytes that pass, in either direction, before a connection is cut; null: it isn't. */
  #bytesLeft: number | null = null;

  readonly #filter: (() => ByteFilter) | null;

  private constructor(target: TcpTarget, filter: (() => ByteFilter) | null) {
    this.#target = target;
    this.#filter = filter;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Starts one on a free port of the loopback address; what the server sends passes a filter of each connection's own. */
  static async start(target: TcpTarget, filter: (() => ByteFilter) | null = null): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, filter);
    await new Promise<void>((resolve, reject) => {
      proxy.#server.once("error", reject);
      proxy.#server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    });
    return proxy;
  }

  get port(): number {
    // A server that listens on TCP has an address of this form.
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that pass through now. */
  get connections(): number {
    return this.#links.size;
  }

  /** Connections that were reset at once, because the proxy {@link refuse}s, since it was started. */
  get refused(): number {
    return this.#refused;
  }

  /** Resets all connections, stalled ones included; new ones are served as before. */
  reset(): void {
    for (const link of this.#links) link.reset();
  }

  /** Forwards nothing any more, not even that an end has closed, until {@link resume}; new connections stall as well. */
  stall(): void {
    this.#isStalled = true;
    for (const link of this.#links) link.stall();
  }

  /** Forwards again; what waited goes out in its order. */
  resume(): void {
    this.#isStalled = false;
    for (const link of this.#links) link.resume();
  }

  /** Resets whoever comes new, until {@link accept}. */
  refuse(): void {
    this.#isRefusing = true;
  }

  /** Lets new connections through again. */
  accept(): void {
    this.#isRefusing = false;
  }

  /**
   * Cuts one connection, once: the one that carries the byte after so many more. What came before that byte arrives, so
   * that the other end is left with a part of a message. Null takes it back.
   */
  cutAfter(bytes: number | null): void {
    this.#bytesLeft = bytes;
  }

  /** Resets everything and stops listening. */
  async close(): Promise<void> {
    this.reset();
    await new Promise<void>((resolve) => void this.#server.close(() => resolve()));
  }

  #accept(socket: Socket): void {
    if (this.#isRefusing) this.#refused++;
    if (this.#isRefusing || this.#links.size >= CONNECTIONS_MAX) {
      socket.on("error", () => {});
      socket.resetAndDestroy();
      return;
    }
    const upstream = connect({ ...this.#target, allowHalfOpen: true, noDelay: true });
    const link = new Link(socket, upstream, {
      closed: () => this.#links.delete(link),
      pass: (bytes) => this.#pass(bytes),
      filter: this.#filter?.() ?? null,
    });
    this.#links.add(link);
    if (this.#isStalled) link.stall();
  }

  /** How many of these bytes pass. */
  #pass(bytes: number): number {
    if (this.#bytesLeft === null) return bytes;
    const passing = Math.min(bytes, this.#bytesLeft);
    this.#bytesLeft = passing < bytes ? null : this.#bytesLeft - bytes;
    return passing;
  }
}

/** What a link needs of its proxy. */
interface LinkHost {
  closed(): void;
  /** Says how many of these bytes pass; if not all, the link ends behind them. */
  pass(bytes: number): number;
  /** What the server sends goes through this. */
  readonly filter: ByteFilter | null;
}

/** Two sockets, joined. Not by `pipe`, which starts reading again on its own terms. */
class Link {
  readonly #ends: readonly [Socket, Socket];
  /** Ends that are not read because the other one has enough to write. */
  readonly #waiting = new Set<Socket>();
  #isStalled = false;

  constructor(client: Socket, server: Socket, host: LinkHost) {
    this.#ends = [client, server];
    this.#forward(client, server, host, null);
    this.#forward(server, client, host, host.filter);
  }

  stall(): void {
    this.#isStalled = true;
    for (const end of this.#ends) end.pause();
  }

  resume(): void {
    this.#isStalled = false;
    for (const end of this.#ends) this.#read(end);
  }

  reset(): void {
    for (const end of this.#ends) {
      // An end that is still connecting has nobody to send a RST to.
      if (end.connecting) end.destroy();
      else end.resetAndDestroy();
    }
  }

  #forward(from: Socket, to: Socket, host: LinkHost, filter: ByteFilter | null): void {
    from.on("data", (bytes: Buffer) => {
      const chunk = filter === null ? bytes : filter(bytes);
      const passing = host.pass(chunk.length);
      if (passing < chunk.length) {
        // A FIN follows the last byte; a RST could overtake it.
        to.end(chunk.subarray(0, passing));
        from.resetAndDestroy();
        return;
      }
      if (to.write(chunk)) return;
      this.#waiting.add(from);
      from.pause();
    });
    to.on("drain", () => {
      this.#waiting.delete(from);
      this.#read(from);
    });
    from.on("end", () => to.end());
    // `close` follows, and does the same for every end.
    from.on("error", () => {});
    from.on("close", () => {
      if (from.errored !== null) this.reset();
      // Both directions have ended: what is left to write still goes out.
      else to.destroySoon();
      host.closed();
    });
  }

  #read(end: Socket): void {
    if (!this.#isStalled && !this.#waiting.has(end)) end.resume();
  }
}
