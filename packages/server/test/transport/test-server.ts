import { once } from "node:events";
import { createServer, type Server, type ServerOptions } from "node:http";
import type { AddressInfo } from "node:net";
import { SILENT_LOGGER } from "../../src/core/logger.ts";
import type { Connection, ConnectionEvents } from "../../src/session/connection.ts";
import { attachUpgrades, type AttachOptions, type UpgradeInfo, type UpgradeRoute } from "../../src/transport/attach.ts";
import { systemPorts } from "../../src/transport/clock.ts";
import { RawPeer, type Frame } from "./raw-peer.ts";

/** A connection as the server of a test has it, with all that it was told. */
export class Served implements ConnectionEvents {
  readonly connection: Connection;
  readonly info: UpgradeInfo;
  readonly texts: string[] = [];
  readonly binaries: Uint8Array[] = [];
  drains = 0;
  /** Code and cleanness, once for each time that it was told. */
  readonly closes: (readonly [code: number, isClean: boolean])[] = [];
  onText: ((payload: string) => void) | null = null;

  constructor(connection: Connection, info: UpgradeInfo) {
    this.connection = connection;
    this.info = info;
  }

  text(payload: string): void {
    this.texts.push(payload);
    this.onText?.(payload);
  }

  binary(payload: Uint8Array): void {
    this.binaries.push(payload);
  }

  drained(): void {
    this.drains += 1;
  }

  closed(code: number, isClean: boolean): void {
    this.closes.push([code, isClean]);
  }
}

/** Settings of a {@link TestServer}. */
export interface TestServerOptions {
  readonly route?: Partial<UpgradeRoute>;
  readonly http?: ServerOptions;
  readonly attach?: Partial<AttachOptions>;
  /** Runs with each connection before it is served. */
  readonly accepted?: (served: Served) => void;
}

/** An HTTP server on a free port with one route, `/realtime`, whose connections are kept. */
export class TestServer {
  readonly http: Server;
  readonly served: Served[] = [];
  /** Room taken and not given back. */
  reserved = 0;
  /** Connections that {@link pair} has made. */
  pairs = 0;
  readonly detach: () => void;

  private constructor({ route, http = {}, attach = {}, accepted }: TestServerOptions) {
    this.http = createServer(http, (_request, response) => response.end("plain"));
    const realtime: UpgradeRoute = {
      protocols: ["carillon.1.json"],
      limits: { messageBytes: 65_536, fragmentsPerMessage: 1_024, unauthenticatedBytes: 16_384, tooLargeCode: 4503 },
      allowsOrigin: (origin) => origin === null || origin === "http://localhost:3000",
      isDraining: () => false,
      reserve: () => {
        this.reserved += 1;
        return true;
      },
      release: () => {
        this.reserved -= 1;
      },
      accept: (connection, info) => {
        const served = new Served(connection, info);
        this.served.push(served);
        accepted?.(served);
        return served;
      },
      ...route,
    };
    const routes = new Map([["/realtime", realtime]]);
    const attachment = attachUpgrades(this.http, { routes, ports: systemPorts(), logger: SILENT_LOGGER, ...attach });
    this.detach = () => attachment.detach();
  }

  static async start(options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options);
    server.http.listen(0, "127.0.0.1");
    await once(server.http, "listening");
    return server;
  }

  get port(): number {
    return (this.http.address() as AddressInfo).port;
  }

  /** The only connection. */
  get only(): Served {
    const [served] = this.served;
    if (served === undefined || this.served.length > 1)
      throw new Error(`Expected one connection, got ${this.served.length}.`);
    return served;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { connection } of this.served) connection.terminate();
    this.http.closeAllConnections();
    const closed = once(this.http, "close");
    this.http.close();
    await closed;
  }
}

/** For a server whose connections are authenticated from the start. */
export const OPENED: TestServerOptions = { accepted: ({ connection }) => connection.opened() };

/** A new connection: its two ends. */
export async function pair(server: TestServer): Promise<{ readonly peer: RawPeer; readonly served: Served }> {
  server.pairs += 1;
  const query = `pair=${server.pairs}`;
  const peer = await RawPeer.upgraded(server.port, { line: `GET /realtime?${query} HTTP/1.1` });
  const served = server.served.find(({ info }) => info.query === query);
  if (served === undefined) throw new Error("Expected the connection to be accepted before its upgrade is answered.");
  return { peer, served };
}

/** The close frame, after everything that came before it. */
export async function untilClose(peer: RawPeer): Promise<Frame | undefined> {
  for (;;) {
    const frame = await peer.frame();
    if (frame === undefined || frame.opcode === 0x8) return frame;
  }
}
