/**
 * What the machines of the SDK need from the world. They have no clock, timer, socket or event loop of their own, so
 * that a simulator can run hundreds of clients on a virtual clock in one process, and so that they work in any runtime.
 */

/** Takes something back: a timer, a listener, a request. Calling it again does nothing. */
export type Cancel = () => void;

/** What a socket tells. After `close`, and after {@link Socket.close} was called, it tells nothing more. */
export interface SocketEvents {
  open(): void;
  message(data: string | Uint8Array): void;
  /** Also when the socket could not be opened; `code` as in WebSocket. */
  close(code: number, reason: string): void;
}

/** A WebSocket, or what stands for one. */
export interface Socket {
  /** Called only after `open`; after `close` it does nothing. Keeps order. */
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code: number, reason: string): void;
}

/**
 * What befalls the page. `online` and `offline` are the network's, `visible` a tab that came to the front, `pagehide`
 * and `freeze` a page that is suspended (page cache, sleeping tab), `pageshow` and `resume` one that runs again,
 * `unload` one that ends for good.
 */
export type EnvironmentEvent =
  | "online"
  | "offline"
  | "visible"
  | "pagehide"
  | "pageshow"
  | "freeze"
  | "resume"
  | "unload";

/** Everything that the machines need from outside. */
export interface ClientPorts {
  /** Monotonic clock, in milliseconds from anywhere. */
  now(): number;
  /** Calls `fire` after `delayMs`, not before this call returned. */
  setTimer(delayMs: number, fire: () => void): Cancel;
  /** Calls `run` at the end of this turn: when what runs now is over, and before anything else comes in. */
  soon(run: () => void): void;
  /** A number from 0 up to but not including 1. */
  random(): number;
  /** Opens a socket to the server. May throw; that counts as a failed attempt. Calls `events` later, never at once. */
  open(events: SocketEvents): Socket;
  /** Listens to the environment. */
  watch(notify: (event: EnvironmentEvent) => void): Cancel;
  /** Gets a ticket; calls `settle` at most once, at once or later, with the ticket, or with null and the reason. */
  ticket(settle: (ticket: string | null, error?: unknown) => void): void;
  /** Takes an error that nobody listens for: an exception of a listener, an `error` event without one. */
  report(error: unknown): void;
}
