/**
 * Tells components of changes, at most once a frame. What a store holds moves on with every push; what components see
 * of it (its views) is frozen when the frame comes, for all stores of a client together, so that no component renders
 * the half of a change.
 */

/** Longest wait in milliseconds where frames do not come: a tab in the background draws none, but has a title. */
const FRAME_MAX_MS = 100;

/** The changes of one frame. */
export class Frame {
  readonly #due = new Set<Notifier>();

  /** The notifier freezes and tells when the frame comes. */
  add(notifier: Notifier): void {
    this.#due.add(notifier);
    if (this.#due.size === 1) nextFrame(() => this.#flush());
  }

  #flush(): void {
    const due = [...this.#due];
    this.#due.clear();
    for (const notifier of due) notifier.freeze();
    for (const notifier of due) notifier.tell();
  }
}

/** Listeners of one store. */
export class Notifier {
  /** Makes what components see from what the store holds. */
  readonly freeze: () => void;
  readonly #frame: Frame;
  readonly #listeners = new Set<() => void>();

  constructor(frame: Frame, freeze: () => void) {
    this.#frame = frame;
    this.freeze = freeze;
  }

  /** The store has changed. */
  changed(): void {
    this.#frame.add(this);
  }

  /** Tells the listeners. */
  tell(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Listens; the result ends that. */
  listen(listener: () => void): () => void {
    // A function of its own, so that removing one of two equal listeners leaves the other.
    const call = (): void => listener();
    this.#listeners.add(call);
    return () => this.#listeners.delete(call);
  }
}

function nextFrame(run: () => void): void {
  if (!("requestAnimationFrame" in globalThis)) {
    setTimeout(run, 0);
    return;
  }
  const timer = setTimeout(() => {
    cancelAnimationFrame(frame);
    run();
  }, FRAME_MAX_MS);
  const frame = requestAnimationFrame(() => {
    clearTimeout(timer);
    run();
  });
}
