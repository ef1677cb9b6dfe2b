import { defineContract, log, state, type Schema } from "@carillon/protocol";
import { createKernel, type Kernel, type KernelOptions } from "../../src/testing/kernel.ts";
import type { MemoryConnection, MemoryConnectionOptions } from "../../src/testing/memory-connection.ts";
import type { VirtualWorld } from "../../src/testing/virtual-world.ts";

const ANYTHING: Schema = { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } };

const CONTRACT = defineContract({
  channels: {
    "chat:{room}": log({ data: ANYTHING, presence: ANYTHING }),
    "brief:{room}": log({ data: ANYTHING, history: { ttl: "1s" } }),
    "board:{room}": state({ value: ANYTHING, owned: false }),
  },
});

/** A message from the server, its fields as they came. */
export type Message = Readonly<Record<string, unknown>> & { readonly ok?: Readonly<Record<string, unknown>> };

/** A kernel with channels `chat:*`, `brief:*` and `board:*`. */
export function openKernel(world: VirtualWorld, options: Partial<KernelOptions> = {}): Kernel {
  return createKernel({ world, contract: CONTRACT, ...options });
}

/** The client end of a connection, with the frames in plain sight. */
export class Peer {
  readonly connection: MemoryConnection;
  readonly #world: VirtualWorld;

  constructor(kernel: Kernel, world: VirtualWorld, options: Partial<MemoryConnectionOptions> = {}) {
    this.connection = kernel.accept(options);
    this.#world = world;
  }

  /** Sends commands in one tick, and ends it. */
  send(...commands: readonly object[]): void {
    for (const command of commands) this.connection.send(JSON.stringify(command));
    this.connection.deliver();
    this.#world.settle();
  }

  /** Connects with a ticket or resume credential; the result. */
  connect(credential: { readonly ticket: string } | { readonly resume: string }): Readonly<Record<string, unknown>> {
    this.send({ cmd: "connect", id: 1, ...credential });
    return this.read()[0]?.ok ?? {};
  }

  /** Reads what has come. */
  read(): Message[] {
    return this.connection.read().flatMap((frame) => {
      if (frame.type === "text") return [JSON.parse(frame.payload) as Message];
      return frame.type === "closed" ? [{ closed: frame.code }] : [];
    });
  }
}

/** Ids of the publications, or keys of the entries, in pushes. */
export function namesIn(messages: readonly Message[]): string[] {
  type Named = { readonly id?: string; readonly key?: string };
  return messages.flatMap(({ items }) => ((items ?? []) as readonly Named[]).map(({ id, key }) => key ?? id ?? ""));
}
