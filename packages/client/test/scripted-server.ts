/**
 * A server that speaks the wire and does what a script says. Each command is recorded and answered by the script's
 * function of that name, or as a server in good health would.
 */
import { decodeBinary, decodeText, encodeRecord, type Decoded } from "@carillon/protocol";
import type { Socket, SocketEvents } from "@carillon/client";

/** A command as the server got it. */
export type Command = Readonly<Record<string, unknown>> & { readonly cmd: string; readonly id: number };
/** What a command gets: the fields of `ok`, an error, or nothing yet. */
export type Reaction = { readonly ok: object } | { readonly error: object } | null;
/** How a server reacts, by command. It may push through `end` before or after. */
export type Script = Readonly<Record<string, (command: Command, end: ServerEnd) => Reaction>>;

/** Server time at the clock's zero. */
export const EPOCH_MS = 1_790_000_000_000;

/** A connect reply in good health. */
export function welcome(changes: object = {}): object {
  return {
    session: "s1",
    instance: "i1",
    user: "ada",
    resume: "r1",
    features: [],
    limits: { messageBytes: 65_536, channels: 256, historyPage: 300 },
    idempotency: { windowMs: 120_000, epoch: "e1" },
    time: EPOCH_MS,
    heartbeatMs: 25_000,
    ...changes,
  };
}

/** An error of a reply. */
export function refusal(code: string, changes: object = {}): { readonly error: object } {
  return { error: { code, message: `Refused: ${code}.`, retry: false, ...changes } };
}

const GOOD_HEALTH: Script = {
  connect: () => ({ ok: welcome() }),
  subscribe: ({ channel, position }) => ({ ok: { channel, kind: "log", pos: position ?? "p0", live: true } }),
  unsubscribe: () => ({ ok: {} }),
  publish: ({ publication }) => ({ ok: { pos: `after-${String(publication)}`, at: EPOCH_MS } }),
  amend: () => ({ ok: { pos: "p1", at: EPOCH_MS } }),
  set: () => ({ ok: { pos: "p1", version: 1 } }),
  remove: () => ({ ok: { pos: "p1", version: 2 } }),
  refresh: () => ({ ok: {} }),
  ping: () => refusal("unknown_command"),
};

/** One socket, seen from the server. */
export class ServerEnd {
  /** Commands in the order in which they came, `pong` too. */
  readonly commands: Command[] = [];
  /** Frames as they came. */
  readonly frames: (string | Uint8Array)[] = [];
  /** Bytes that came with each command of a binary frame, by the command's id. */
  readonly bodies = new Map<number, Uint8Array>();
  /** How the client closed; null while it has not. */
  clientClosed: { readonly code: number; readonly reason: string } | null = null;
  /** False: commands are recorded and get no answer. */
  isAnswering = true;
  isOver = false;
  readonly #events: SocketEvents;
  readonly #deliver: (act: () => void) => void;
  readonly #script: () => Script;

  constructor(events: SocketEvents, deliver: (act: () => void) => void, script: () => Script) {
    this.#events = events;
    this.#deliver = deliver;
    this.#script = script;
  }

  readonly socket: Socket = {
    send: (data) => {
      if (this.clientClosed === null) this.#deliver(() => this.#receive(data));
    },
    close: (code, reason) => {
      if (this.isOver) return;
      this.isOver = true;
      this.clientClosed = { code, reason };
    },
  };

  /** The commands of one name. */
  sent(cmd: string): Command[] {
    return this.commands.filter((command) => command.cmd === cmd);
  }

  /** Names of all commands, in order, without pongs. */
  get names(): string[] {
    return this.commands.map(({ cmd }) => cmd).filter((cmd) => cmd !== "pong");
  }

  open(): void {
    this.#toClient(() => this.#events.open());
  }

  /** Sends messages, in one text frame. */
  push(...messages: object[]): void {
    this.pushRaw(messages.map((message) => JSON.stringify(message)).join("\n"));
  }

  /** Sends a message with bytes, in a binary frame. */
  pushBytes(head: object, ...bodies: Uint8Array[]): void {
    this.pushRaw(encodeRecord(JSON.stringify(head), bodies));
  }

  /** Sends a frame as it is. */
  pushRaw(frame: string | Uint8Array): void {
    this.#toClient(() => this.#events.message(frame));
  }

  /** Sends items of a log or state. */
  items(
    channel: string,
    prev: string | null,
    pos: string | null,
    items: readonly object[],
    changes: object = {},
  ): void {
    this.push({ push: "items", channel, prev, pos, items, ...changes });
  }

  reply(command: Command | undefined, reaction: Reaction): void {
    if (command && reaction) this.push({ re: command.id, ...reaction });
  }

  /** Closes as a server does; 1006: the connection broke. */
  close(code = 1006, reason = ""): void {
    this.#toClient(() => {
      this.isOver = true;
      this.#events.close(code, reason);
    });
  }

  #toClient(act: () => void): void {
    this.#deliver(() => {
      if (!this.isOver) act();
    });
  }

  #receive(data: string | Uint8Array): void {
    // What was sent before the client closed comes; what crosses the server's close does not.
    if (this.isOver && this.clientClosed === null) return;
    this.frames.push(data);
    const messages: Decoded[] = typeof data === "string" ? decodeText(data, 1000) : decodeBinary(data, 1000);
    for (const { head, body } of messages) {
      const command = head as Command;
      this.commands.push(command);
      this.bodies.set(command.id, body);
      if (!this.isAnswering || command.cmd === "pong") continue;
      const react = this.#script()[command.cmd] ?? GOOD_HEALTH[command.cmd];
      this.reply(command, react ? react(command, this) : refusal("unknown_command"));
    }
  }
}
