/** The connection of a client, as components see it. */
import type { CarillonError, Client } from "@carillon/client";
import type { ConnectionView } from "./face.ts";

/** The connection of one client, shared by components. Listens as long as the client lives: it costs one listener. */
export class ConnectionStore {
  readonly initialView: ConnectionView;
  readonly #client: Client | null;
  readonly #listeners = new Set<() => void>();
  #code: number | null = null;
  #error: CarillonError | null = null;
  #wasConnected = false;
  #view: ConnectionView;

  constructor(client: Client | null) {
    this.#client = client;
    this.#wasConnected = (client?.instance ?? null) !== null;
    this.#view = this.initialView = {
      state: "connecting",
      isConnected: false,
      wasConnected: false,
      user: null,
      instance: null,
      code: null,
      error: null,
      connect: () => client?.connect(),
      disconnect: () => client?.disconnect(),
    };
    client?.on("state", ({ state, code, error }) => {
      const isConnected = state === "connected";
      this.#wasConnected ||= isConnected;
      this.#code = isConnected ? null : (code ?? null);
      this.#error = error ?? null;
      for (const listener of this.#listeners) listener();
    });
  }

  /** What components see: the same object until it changes. */
  readonly view = (): ConnectionView => {
    const { state, user, instance } = this.#client ?? this.initialView;
    const next = { state, user, instance, code: this.#code, error: this.#error, wasConnected: this.#wasConnected };
    const view = this.#view;
    const isSame =
      view.state === next.state &&
      view.user === next.user &&
      view.instance === next.instance &&
      view.code === next.code &&
      view.error === next.error &&
      view.wasConnected === next.wasConnected;
    if (!isSame) this.#view = { ...view, ...next, isConnected: state === "connected" };
    return this.#view;
  };

  /** Listens. Returns the end of it. */
  readonly watch = (listener: () => void): (() => void) => {
    const call = (): void => listener();
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  };
}
