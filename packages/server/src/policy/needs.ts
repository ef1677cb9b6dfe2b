import { DefinitionError, type Contract } from "@carillon/protocol";
import type { StoreCapabilities } from "../backplane/channel-store.ts";

/** What a contract needs and a backplane can't give, as an error for the one who starts the server; null: nothing. */
export function unmetNeed(
  contract: Contract,
  backplane: string,
  capabilities: StoreCapabilities,
): DefinitionError | null {
  for (const [pattern, spec] of Object.entries(contract.channels)) {
    if (spec.kind === "state" && spec.ttlMs !== null && !capabilities.entryTtl) {
      const message = `Channel ${pattern}: expected a backplane whose entries can have a ttl; those of ${backplane} can't.`;
      return new DefinitionError(`${message} Leave the ttl out, or use another backplane.`);
    }
  }
  return null;
}
