import type { Answer } from "../../backplane/channel-store.ts";
import type { TicketStore } from "../../backplane/ticket-store.ts";
import type { LinkBroker, StoreWork } from "./link-broker.ts";

/** Sends a request of a node to the broker; `work` runs once it has arrived. */
export type AskBroker = <T>(
  done: (answer: Answer<T>) => void,
  work: (answer: (result: Answer<T>) => void) => void,
) => void;

/** The credentials of a broker, as a node reaches them. */
export function brokerCredentials(broker: LinkBroker, ask: AskBroker): TicketStore {
  const change = <T>(done: (answer: Answer<T>) => void, work: StoreWork<Answer<T>>): void =>
    ask<T>(done, (answer) => broker.credential(work, answer));
  return {
    put: (key, value, ttlMs, done) => change(done, (store, tell) => store.tickets.put(key, value, ttlMs, tell)),
    take: (key, done) => change(done, (store, tell) => store.tickets.take(key, tell)),
    read: (key, done) => ask(done, (answer) => answer(broker.lookUp((store, tell) => store.tickets.read(key, tell)))),
    swap: (key, before, value, ttlMs, done) =>
      change(done, (store, tell) => store.tickets.swap(key, before, value, ttlMs, tell)),
    revoke: (user, ttlMs, done) => change(done, (store, tell) => store.tickets.revoke(user, ttlMs, tell)),
    revokedAt: (user, done) =>
      ask(done, (answer) => answer(broker.lookUp((store, tell) => store.tickets.revokedAt(user, tell)))),
  };
}
