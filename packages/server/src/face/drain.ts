import type { Node } from "../node.ts";

/** Leaving without hurting anybody (P10): clients are told to go, each at its own moment, before the node is closed. */
export class Drain {
  readonly #node: Node;
  #isDraining = false;

  constructor(node: Node) {
    this.#node = node;
  }

  /** True from the first `run` on: nothing new is accepted. */
  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Tells every session to reconnect at a moment within `windowMs`, and waits until they have gone or it is over. */
  async run(windowMs: number): Promise<void> {
    this.#isDraining = true;
    const { ports, registry } = this.#node;
    for (const session of registry.all())
      session.send({ push: "drain", delayMs: Math.round(ports.random() * windowMs) });
    if (windowMs === 0 || registry.size === 0) return;
    // A little longer than the window, so that whoever goes last goes by itself.
    const deadline = ports.monotonicMs() + windowMs + 500;
    while (registry.size > 0 && ports.monotonicMs() < deadline) {
      await new Promise<void>((resolve) => void ports.after(50, resolve));
    }
  }
}
