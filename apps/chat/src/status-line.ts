import type { CarillonError, ConnectionState } from "@carillon/client";
import { element } from "./element.ts";

/** The state of the connection, in words. */
export class StatusLine {
  readonly #line = element("status", HTMLParagraphElement);
  readonly #text = element("status-text", HTMLSpanElement);
  readonly #reconnect = element("reconnect", HTMLButtonElement);
  #wasConnected = false;

  /** `reconnect` is called when the person asks for another try. */
  constructor(reconnect: () => void) {
    this.#reconnect.addEventListener("click", reconnect);
  }

  /** Shows the state; `isLive` is false while what was missed is still coming. */
  show(state: ConnectionState, isLive: boolean, error?: CarillonError): void {
    if (state === "connected") this.#wasConnected = true;
    this.#line.dataset["state"] = state === "connected" && !isLive ? "catching-up" : state;
    this.#text.textContent = this.#words(state, isLive, error);
    this.#reconnect.hidden = state !== "disconnected";
  }

  #words(state: ConnectionState, isLive: boolean, error: CarillonError | undefined): string {
    if (state === "connected") return isLive ? "Connected" : "Catching up…";
    if (state === "disconnected") return `Disconnected. ${error?.message ?? ""}`.trim();
    if (!navigator.onLine) return "You are offline. What you write is sent when you are back.";
    return this.#wasConnected ? "Connection lost. Reconnecting…" : "Connecting…";
  }
}
