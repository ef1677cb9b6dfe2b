import type { AnyChannel, CarillonError, Client } from "../src/index.ts";
import type { Command, Script } from "./scripted-server.ts";
import { World } from "./world.ts";

/** A connected client with a channel. */
export async function start(script: Script = {}): Promise<{ world: World; client: Client; lobby: AnyChannel }> {
  const world = new World(script);
  const client = world.connect();
  await world.settle();
  return { world, client, lobby: client.channel("chat:lobby") };
}

/** Outcomes of promises in the order in which they came: an id, or a code. */
export function outcomes(...promises: Promise<{ readonly id?: string }>[]): string[] {
  const seen: string[] = [];
  for (const promise of promises) {
    promise.then(
      ({ id }) => seen.push(String(id)),
      ({ code }: CarillonError) => seen.push(code),
    );
  }
  return seen;
}

/** Ids of publications, in order. */
export const ids = (commands: readonly Command[]): unknown[] => commands.map(({ publication }) => publication);
