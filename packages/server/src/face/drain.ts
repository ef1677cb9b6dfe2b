import type { Node } from "../node.ts";
import type { OpenSession } from "../session/host.ts";

/** A little longer than the window, so that whoever goes last goes by itself. */
const SLACK_MS = 500;
/** How long commands that were taken may still wait for their answers when the window is over. */
const ANSWERS_MS = 1_000;
/** Between looks. */
const LOOK_MS = 25;

/**
 * Leaving without hurting anybody (P10): clients are told to go, each at its own moment, before the node is closed. Plain
 * WebSockets, which can't be told, are closed at moments of their own as well.
 */
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

  /**
   * Tells every session to reconnect at a moment within `windowMs`, those too whose connect is decided meanwhile, and
   * waits until they have gone or it is over. What is still there then is read from no more, and waits for the answers
   * to what it has asked, for a second at most. `raw` closes plain WebSockets, one each, within the window.
   */
  async run(windowMs: number, raw: readonly (() => void)[] = []): Promise<void> {
    this.#isDraining = true;
    const { ports, registry, metrics } = this.#node;
    const told = new Set<OpenSession>();
    const startMs = ports.monotonicMs();
    let staying = 0;
    for (const close of windowMs > 0 ? raw : []) {
      staying++;
      ports.after(ports.random() * windowMs, () => {
        staying--;
        close();
      });
    }
    const isSomebodyThere = (): boolean => registry.size > 0 || staying > 0;
    const leftMs = (): number => startMs + windowMs - ports.monotonicMs();
    const lastMs = windowMs > 0 ? -SLACK_MS : 0;
    this.#tell(told, windowMs);
    while (isSomebodyThere() && leftMs() > lastMs) {
      await this.#wait();
      this.#tell(told, Math.max(0, leftMs()));
    }
    for (const session of registry.all()) session.stopReading();
    const endMs = ports.monotonicMs() + ANSWERS_MS;
    while (metrics.commandsInFlight > 0 && ports.monotonicMs() < endMs) await this.#wait();
  }

  #tell(told: Set<OpenSession>, windowMs: number): void {
    const { ports, registry } = this.#node;
    for (const session of registry.all()) {
      if (told.has(session)) continue;
      told.add(session);
      session.send({ push: "drain", delayMs: Math.round(ports.random() * windowMs) });
    }
  }

  #wait(): Promise<void> {
    return new Promise((resolve) => void this.#node.ports.after(LOOK_MS, resolve));
  }
}
