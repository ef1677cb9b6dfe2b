import { connect, type Client } from "@carillon/client";
import { CarillonError } from "@carillon/protocol";
import { WebSocket } from "ws";
import type { contract } from "./contract.ts";

/** A client of the contract. */
export type ChaosClient = Client<typeof contract>;

/** A request for a ticket that takes longer has failed, in milliseconds. */
const TICKET_MS = 2_000;

/** The SDK as an application in Node sets it up, for a user of this name. */
export function openClient(url: string, user: string): ChaosClient {
  const client: ChaosClient = connect<typeof contract>({
    url: `${url}/realtime`,
    WebSocket,
    ticket: async () => {
      // A connection of its own: one that is kept alive may have died with the server.
      const answer = await fetch(`${url}/ticket?user=${user}`, {
        headers: { connection: "close" },
        signal: AbortSignal.timeout(TICKET_MS),
      });
      if (!answer.ok) throw new CarillonError("unavailable", `No ticket: ${answer.status}.`);
      return answer.text();
    },
  });
  // Broken connections and refused tickets are what the run is made of; what matters is written down.
  client.on("error", () => {});
  return client;
}
