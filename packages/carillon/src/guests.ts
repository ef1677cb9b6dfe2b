import type { Logger } from "@carillon/server";
import { randomBytes } from "node:crypto";
import type { ChatApp } from "./chat-app.ts";
import { cookieNameAt, cookieNameOf, GuestIdentity } from "./guest-identity.ts";
import { guestKeyIn } from "./guest-key.ts";
import { SharedGuestKey } from "./shared-guest-key.ts";
import type { StoreChoice } from "./store-choice.ts";

/** What {@link openGuests} needs to know. */
export interface GuestsOptions {
  readonly store: StoreChoice;
  /** The key, if it was said what it is. */
  readonly guestKey: Uint8Array | null;
  readonly port: number;
  readonly secrets: ChatApp["secrets"];
  readonly logger: Logger;
}

/** What knows the guests of a server, for as long as it is open. */
export interface Guests {
  readonly identity: () => GuestIdentity;
  close(): void;
}

/** Finds the key that signs the cookies of guests where everything else is kept. Rejects when it can't be had. */
export async function openGuests({ store, guestKey, port, secrets, logger }: GuestsOptions): Promise<Guests> {
  if (guestKey !== null) return guestsBy(guestKey);
  if (store.kind === "folder") return guestsBy(await guestKeyIn(store.folder));
  if (store.kind === "memory") {
    const identity = new GuestIdentity(cookieNameAt(port), randomBytes(32));
    return { identity: () => identity, close: () => {} };
  }
  const shared = new SharedGuestKey({ ...secrets, logger });
  await shared.open();
  let identity = new GuestIdentity(cookieNameOf(shared.key), shared.key);
  let key = shared.key;
  return {
    identity: () => {
      if (key !== shared.key) {
        key = shared.key;
        identity = new GuestIdentity(cookieNameOf(key), key);
      }
      return identity;
    },
    close: () => shared.close(),
  };
}

function guestsBy(key: Uint8Array): Guests {
  const identity = new GuestIdentity(cookieNameOf(key), key);
  return { identity: () => identity, close: () => {} };
}
