import { fill } from "@carillon/protocol";
import { ask } from "./ask.ts";
import { ChannelHandle } from "./channel.ts";
import type { ConnectionState } from "./core/connection.ts";
import type { ListenerOptions, Removal } from "./core/emitter.ts";
import type { Instance, InstanceEvents } from "./core/instance.ts";
import { json } from "./core/payload.ts";
import type { AskOptions } from "./face.ts";

/** The handle of a client, behind the typed face. */
export class ClientHandle {
  readonly #instance: Instance;
  readonly #channels = new Map<string, ChannelHandle>();

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  get state(): ConnectionState {
    return this.#instance.connection.state;
  }

  get user(): string | null {
    return this.#instance.welcome?.user ?? null;
  }

  get instance(): string | null {
    return this.#instance.welcome?.instance ?? null;
  }

  on<K extends keyof InstanceEvents>(
    event: K,
    listener: (value: InstanceEvents[K]) => void,
    options?: ListenerOptions,
  ): Removal {
    return this.#instance.events.on(event, listener, options);
  }

  channel(pattern: string, params?: Readonly<Record<string, string>>): ChannelHandle {
    const name = params ? fill(pattern, params) : pattern;
    const channel = this.#channels.get(name) ?? new ChannelHandle(this.#instance, name);
    this.#channels.set(name, channel);
    return channel;
  }

  async call(name: string, input: unknown, options: AskOptions = {}): Promise<unknown> {
    // A call without input gives null, which JSON can say.
    const payload = { text: `"input":${json(input ?? null)}`, body: null };
    return ask(this.#instance, { command: { cmd: "call", name }, payload, ...options }, ({ output }) => output);
  }

  connect(): void {
    this.#instance.connection.connect();
  }

  disconnect(): void {
    this.#instance.connection.disconnect();
  }
}
