/** A value that a component follows with `useSyncExternalStore`. */
export interface StoredValue<T> {
  readonly get: () => T;
  readonly set: (value: T) => void;
  readonly subscribe: (listener: () => void) => () => void;
}

/** Settings of a {@link storedValue}. */
export interface StoredValueOptions<T> {
  readonly key: string;
  /** Makes a value of what was stored, null for nothing; must take anything, since people edit their storage. */
  readonly read: (stored: unknown) => T;
  /** Default: the storage that all tabs of the browser share. */
  readonly storage?: Storage;
}

/**
 * A value in the browser's storage, the same in every tab. Where storage is refused or full, it lives as long as the
 * page.
 */
export function storedValue<T>({
  key,
  read,
  storage = browserStorage() ?? undefined,
}: StoredValueOptions<T>): StoredValue<T> {
  const listeners = new Set<() => void>();
  let value = read(parse(tryGet(storage, key)));
  const tell = (): void => {
    for (const listener of listeners) listener();
  };
  globalThis.addEventListener?.("storage", (event) => {
    if (event.storageArea !== storage || event.key !== key) return;
    value = read(parse(event.newValue));
    tell();
  });
  return {
    get: () => value,
    set: (next) => {
      value = next;
      try {
        storage?.setItem(key, JSON.stringify(next));
      } catch {
        // Refused or full: the value lives on in memory.
      }
      tell();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The storage that all tabs share; null where the browser refuses it. */
function browserStorage(): Storage | null {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}

function tryGet(storage: Storage | undefined, key: string): string | null {
  try {
    return storage?.getItem(key) ?? null;
  } catch {
    return null;
  }
}

function parse(text: string | null): unknown {
  try {
    const value: unknown = text === null ? null : JSON.parse(text);
    return value;
  } catch {
    return null;
  }
}
