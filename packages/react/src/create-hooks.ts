import type { AskOptions, Client } from "@carillon/client";
import { fill, type Contract } from "@carillon/protocol";
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from "react";
import type {
  CallView,
  ChannelView,
  HistoryView,
  Hooks,
  PresenceView,
  ProviderProps,
  StateView,
  UseChannelOptions,
  UseHistoryOptions,
  UsePresenceOptions,
} from "./face.ts";
import { errorOf } from "./outgoing.ts";
import { noClient } from "./shared.ts";
import { Stores } from "./stores.ts";

/** Settings of {@link createHooks}. */
export interface HooksOptions {
  /**
   * How long a channel that no mounted component uses any more stays subscribed, and its member present, in
   * milliseconds. Default 2,000.
   */
  readonly lingerMs?: number;
}

/** Gives the stores of the client that the provider has. */
type UseStores = () => Stores;
/** What stands behind a pattern. */
type Texts = Readonly<Record<string, string>>;

/** Rows of a list, unless a component says otherwise. */
const LIST_LIMIT = 1000;
/** Rows with pages, unless a component says otherwise. */
const PAGED_LIMIT = 10_000;
/** Publications on a page, unless a component says otherwise. */
const PAGE_SIZE = 50;

/**
 * Makes the hooks of contract `C`: names, parameters and payloads are typed by it. Call it once, in a module, and export
 * what it returns.
 *
 * @example
 * export const { CarillonProvider, useChannel, usePresence } = createHooks<typeof contract>();
 */
export function createHooks<C extends Contract = Contract>(options?: HooksOptions): Hooks<C>;
export function createHooks({ lingerMs = 2000 }: HooksOptions = {}): unknown {
  const StoresContext = createContext<Stores | null>(null);
  const known = new WeakMap<Client, Stores>();
  const absent = new Stores(null, lingerMs);
  const storesOf = (client: Client | null): Stores => {
    if (!client) return absent;
    const stores = known.get(client) ?? new Stores(client, lingerMs);
    known.set(client, stores);
    return stores;
  };
  const useStores = (): Stores => {
    const stores = useContext(StoresContext);
    if (!stores) throw new Error("Expected a CarillonProvider of the same createHooks around this component.");
    return stores;
  };
  return {
    CarillonProvider: ({ client, children }: ProviderProps<Contract>) =>
      createElement(StoresContext.Provider, { value: storesOf(client) }, children),
    useClient: () => {
      const { client } = useStores();
      if (!client) throw noClient();
      return client;
    },
    useConnection: () => {
      const { watch, view, initialView } = useStores().connection;
      return useSyncExternalStore(watch, view, () => initialView);
    },
    useChannel: channelHook(useStores),
    useHistory: historyHook(useStores),
    usePresence: presenceHook(useStores),
    useStateChannel: stateHook(useStores),
    useCall: callHook(useStores),
  };
}

function channelHook(useStores: UseStores) {
  return (name: string, ...rest: Rest<UseChannelOptions>): ChannelView => {
    const [channel, { history = 0, limit = LIST_LIMIT }] = target(name, rest, {});
    const store = useStores().log(channel);
    const watch = useCallback(
      (listener: () => void) => store.watch({ history, limit, pagedLimit: 0 }, listener),
      [store, history, limit],
    );
    return useSyncExternalStore(watch, store.list, () => store.initialList);
  };
}

function historyHook(useStores: UseStores) {
  return (name: string, ...rest: Rest<UseHistoryOptions>): HistoryView => {
    const [channel, { pageSize = PAGE_SIZE, limit = PAGED_LIMIT }] = target(name, rest, {});
    const store = useStores().log(channel);
    const watch = useCallback(
      (listener: () => void) => store.watch({ history: 0, limit: 0, pagedLimit: limit }, listener),
      [store, limit],
    );
    const view = useSyncExternalStore(watch, store.paging, () => store.initialPaging);
    const loadOlder = useCallback(() => store.loadOlder(pageSize, limit), [store, pageSize, limit]);
    return useMemo(() => ({ ...view, loadOlder }), [view, loadOlder]);
  };
}

function presenceHook(useStores: UseStores) {
  return (name: string, ...rest: Rest<UsePresenceOptions<unknown>>): PresenceView => {
    const [channel, { info }] = target(name, rest, {});
    const store = useStores().presence(channel);
    const json = info === undefined ? undefined : JSON.stringify(info);
    // By value: an object written into the call is another one with each render.
    useEffect(() => (json === undefined ? undefined : store.enter(info)), [store, json]);
    return useSyncExternalStore(store.watch, store.view, () => store.initialView);
  };
}

function stateHook(useStores: UseStores) {
  return (name: string, ...rest: Rest<object>): StateView => {
    const [channel] = target(name, rest, {});
    const store = useStores().state(channel);
    return useSyncExternalStore(store.watch, store.view, () => store.initialView);
  };
}

/** How the last call went. */
type Outcome = Pick<CallView<unknown, unknown>, "isPending" | "data" | "error">;

const NO_CALL: Outcome = { isPending: false, data: undefined, error: null };

function callHook(useStores: UseStores) {
  return (name: string): CallView<unknown, unknown> => {
    const { client } = useStores();
    const [outcome, setOutcome] = useState(NO_CALL);
    // Only the newest call is shown: an earlier one may be answered later.
    const serial = useRef(0);
    const call = useCallback(
      (input: unknown, options?: AskOptions): Promise<unknown> => {
        const own = ++serial.current;
        const show = (change: (before: Outcome) => Outcome): void => {
          if (own === serial.current) setOutcome(change);
        };
        show(({ data }) => ({ isPending: true, data, error: null }));
        const promise = client ? client.call<string>(name, input, options) : Promise.reject(noClient());
        // Both outcomes are seen to here, so who does not await the promise gets no unhandled rejection.
        promise.then(
          (data: unknown) => show(() => ({ isPending: false, data, error: null })),
          (cause: unknown) => show(({ data }) => ({ isPending: false, data, error: errorOf(cause) })),
        );
        return promise;
      },
      [client, name],
    );
    const reset = useCallback(() => {
      serial.current++;
      setOutcome(NO_CALL);
    }, []);
    return useMemo(() => ({ ...outcome, call, reset }), [outcome, call, reset]);
  };
}

/** What stands behind the name in a call of a hook: options; behind a pattern: parameters and options. */
type Rest<Options> = readonly [options?: Options] | readonly [params: Texts, options?: Options];

/** The channel and the options that a hook was called with. Only a pattern has braces. */
function target<Options>(name: string, rest: Rest<Options>, none: Options): [name: string, options: Options] {
  const [first, second] = rest;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of the hooks say which of the two it is.
  if (!name.includes("{")) return [name, (first as Options | undefined) ?? none];
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the types of the hooks say which of the two it is.
  return [fill(name, first as Texts), second ?? none];
}
