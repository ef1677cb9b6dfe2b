/** What would bring the real world into a simulation: clocks, timers and chance. */
const FORBIDDEN: readonly (readonly [owner: object, name: string])[] = [
  [Date, "now"],
  [Math, "random"],
  [performance, "now"],
  [crypto, "randomUUID"],
  [crypto, "getRandomValues"],
  [globalThis, "setTimeout"],
  [globalThis, "setInterval"],
  [globalThis, "setImmediate"],
  [globalThis, "fetch"],
  [globalThis, "WebSocket"],
  [AbortSignal, "timeout"],
];

/**
 * Runs `work` while every ambient clock, timer and source of chance throws: what reads one would make a run that can't be
 * repeated. For a process that does nothing else meanwhile.
 */
export async function withoutAmbient<T>(work: () => Promise<T>): Promise<T> {
  const restore = FORBIDDEN.map(([owner, name]) => forbid(owner, name));
  const { Date: RealDate } = globalThis;
  globalThis.Date = new Proxy(RealDate, {
    construct: (target, args: unknown[], newTarget) => {
      if (args.length === 0) throw new Error("new Date() in a simulation: take the wall clock port.");
      const date: unknown = Reflect.construct(target, args, newTarget);
      return date instanceof target ? date : new target(NaN);
    },
  });
  try {
    return await work();
  } finally {
    globalThis.Date = RealDate;
    for (const undo of restore) undo();
  }
}

function forbid(owner: object, name: string): () => void {
  const before = Object.getOwnPropertyDescriptor(owner, name);
  Object.defineProperty(owner, name, {
    configurable: true,
    writable: true,
    value: () => {
      throw new Error(`${name}() in a simulation: take the port instead.`);
    },
  });
  return () => {
    if (before === undefined) Reflect.deleteProperty(owner, name);
    else Object.defineProperty(owner, name, before);
  };
}
