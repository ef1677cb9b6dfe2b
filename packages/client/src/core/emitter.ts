import type { Cancel, ClientPorts } from "./ports.ts";

/** Removes a listener; with `using`, at the end of the block. Calling it again does nothing. */
export interface Removal extends Disposable {
  (): void;
}

/** Settings of a listener. */
export interface ListenerOptions {
  /** Removes the listener when it aborts. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Listeners by event. One that throws harms nobody: its exception goes to the `report` port, the others are called all
 * the same. Listeners are called in the order in which they came; one removed meanwhile is not called any more.
 */
export class Emitter<Events extends object> {
  readonly #ports: ClientPorts;
  readonly #listeners: { [K in keyof Events]?: Set<(value: Events[K]) => void> } = {};

  constructor(ports: ClientPorts) {
    this.#ports = ports;
  }

  /** Adds a listener. The same function may be added twice and is then called twice. */
  on<K extends keyof Events>(event: K, listener: (value: Events[K]) => void, options?: ListenerOptions): Removal {
    const signal = options?.signal;
    // A function of its own, so that removing one of two equal listeners leaves the other.
    const call = (value: Events[K]): void => listener(value);
    const listeners = (this.#listeners[event] ??= new Set());
    const remove: Cancel = () => {
      listeners.delete(call);
      signal?.removeEventListener("abort", remove);
    };
    if (!signal?.aborted) {
      listeners.add(call);
      signal?.addEventListener("abort", remove);
    }
    return Object.assign(remove, { [Symbol.dispose]: remove });
  }

  /** Calls the listeners of `event`. Returns false if there is none. */
  emit<K extends keyof Events>(event: K, value: Events[K]): boolean {
    const listeners = this.#listeners[event];
    if (!listeners?.size) return false;
    // A copy: who is added meanwhile is not called yet.
    const called = [...listeners];
    for (const listener of called) {
      try {
        if (listeners.has(listener)) listener(value);
      } catch (error) {
        this.#ports.report(error);
      }
    }
    return true;
  }
}
