import { decodeBinary, decodeText, defineContract, call, log, state, bytes, type Decoded } from "@carillon/protocol";
import { createServer, type Server } from "node:http";
import * as v from "valibot";
import { WebSocket, type RawData } from "ws";
import { Carillon, SILENT_LOGGER, type CommonOptions, type Grant } from "../src/index.ts";

/** A contract with everything that a server test may want. */
export const contract = defineContract({
  version: 3,
  channels: {
    "chat:{room}": log({
      data: v.object({ text: v.pipe(v.string(), v.maxLength(100)) }),
      presence: v.object({ name: v.string() }),
    }),
    "files:{room}": log({ data: bytes() }),
    "board:{room}": state({ value: v.number(), owned: false }),
    "typing:{room}": state({ value: v.object({ name: v.string() }), ttl: "200ms" }),
  },
  calls: { "room.create": call({ input: v.object({ title: v.string() }), output: v.object({ room: v.string() }) }) },
});

const user = v.object({ id: v.string(), role: v.optional(v.string()) });

/** What a test may set. */
export interface TestServerOptions extends CommonOptions {
  readonly grant?: (context: {
    readonly user: { readonly id: string; readonly role?: string | undefined };
    readonly channel: string;
  }) => Grant | boolean;
  readonly connected?: () => { readonly subscribe: readonly string[] };
}

/** A server on a free port, and what is needed to talk to it. */
export interface TestServer extends AsyncDisposable {
  readonly carillon: Carillon<typeof contract, typeof user>;
  readonly http: Server;
  readonly url: string;
  /** A ticket for a user. */
  ticket(id?: string): Promise<string>;
  /** A peer whose connect has succeeded. */
  enter(id?: string): Promise<Peer>;
  /** A peer whose socket is open, before it connects. */
  open(headers?: Readonly<Record<string, string>>): Promise<Peer>;
}

/** Starts a server for a test. */
export async function startServer({ grant, connected, ...options }: TestServerOptions = {}): Promise<TestServer> {
  const rule = grant ?? ((): boolean => true);
  const carillon = new Carillon({
    contract,
    user,
    logger: SILENT_LOGGER,
    authorize: { "chat:{room}": rule, "files:{room}": rule, "board:{room}": rule, "typing:{room}": rule },
    calls: { "room.create": ({ input }) => ({ room: input.title.toLowerCase() }) },
    ...(connected === undefined ? {} : { connected }),
    ...options,
  });
  const http = createServer();
  carillon.attach(http);
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("Expected a port.");
  const url = `ws://127.0.0.1:${address.port}`;
  const ticket = (id = "ada"): Promise<string> => carillon.tickets.issue({ user: { id } });
  const open = (headers: Readonly<Record<string, string>> = {}): Promise<Peer> => Peer.open(`${url}/realtime`, headers);
  const enter = async (id?: string): Promise<Peer> => {
    const peer = await open();
    await peer.ok({ cmd: "connect", ticket: await ticket(id) });
    return peer;
  };
  const dispose = async (): Promise<void> => {
    await carillon.close();
    http.closeAllConnections();
    await new Promise<void>((resolve) => http.close(() => resolve()));
  };
  return { carillon, http, url, ticket, enter, open, [Symbol.asyncDispose]: dispose };
}

type Message = Readonly<Record<string, unknown>>;

/** A plain peer that speaks carillon.1 by hand, so that tests see what is on the wire. */
export class Peer {
  readonly socket: WebSocket;
  /** Everything that came, in order. */
  readonly received: Message[] = [];
  /** Resolves to the close code and reason. */
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  // Above the ids that vectors and tests choose themselves.
  #nextId = 1_000;
  readonly #waiting = new Set<() => void>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.on("message", (data, isBinary) => {
      for (const { head } of decode(data, isBinary))
        if (typeof head === "object" && head !== null) this.received.push({ ...head });
      for (const look of this.#waiting) look();
    });
    socket.on("error", () => {});
  }

  /** Opens a socket; rejects when the upgrade is refused. */
  static open(
    url: string,
    headers: Readonly<Record<string, string>> = {},
    protocol = "carillon.1.json",
  ): Promise<Peer> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, protocol, { headers });
      const peer = new Peer(socket);
      socket.on("open", () => resolve(peer));
      socket.on("error", reject);
    });
  }

  /** Sends a command and resolves to its reply. */
  async ask(command: Message): Promise<Message> {
    const id = this.#nextId++;
    this.socket.send(JSON.stringify({ ...command, id }));
    return this.next((message) => message["re"] === id);
  }

  /** Sends a command and resolves to its result; throws when it failed. */
  async ok(command: Message): Promise<Message> {
    const { ok, error } = await this.ask(command);
    if (typeof ok === "object" && ok !== null) return { ...ok };
    throw new Error(`Expected a result, got ${JSON.stringify(error)}.`);
  }

  /** Sends a command and resolves to the code of its error; throws when it succeeded. */
  async refused(command: Message): Promise<string> {
    const { ok, error } = await this.ask(command);
    if (typeof error === "object" && error !== null && "code" in error) return String(error.code);
    throw new Error(`Expected an error, got ${JSON.stringify(ok)}.`);
  }

  /** Resolves to the first message, received already or later, that `matches`. */
  next(matches: (message: Message) => boolean): Promise<Message> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = this.received.find(matches);
        if (found === undefined) return;
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The items of a channel that came in pushes. */
  items(channel: string): Message[] {
    return this.received.flatMap((message) =>
      message["push"] === "items" && message["channel"] === channel ? (message["items"] as Message[]) : [],
    );
  }
}

function decode(data: RawData, isBinary: boolean): Decoded[] {
  if (!Buffer.isBuffer(data)) throw new Error("Expected a buffer.");
  return isBinary ? decodeBinary(data, 1_000) : decodeText(data.toString(), 1_000);
}
