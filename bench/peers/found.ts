import { PEERS } from "./index.ts";
import type { Peer } from "./peer.ts";

/** Which peers are here, asked once for each; why one isn't is told once. */
export class FoundPeers {
  readonly #found = new Map<Peer, { readonly version: string } | { readonly missing: string }>();

  /** Those of the given names that are here. */
  async named(names: readonly string[]): Promise<Peer[]> {
    const here: Peer[] = [];
    for (const name of names) {
      const peer = PEERS.find((candidate) => candidate.name === name);
      if (peer === undefined)
        throw new Error(`Expected a peer, got "${name}". There are ${PEERS.map((each) => each.name).join(", ")}.`);
      let answer = this.#found.get(peer);
      if (answer === undefined) {
        answer = await peer.find();
        this.#found.set(peer, answer);
        if ("missing" in answer) console.error(`${name} is skipped: ${answer.missing}.`);
      }
      if ("version" in answer) here.push(peer);
    }
    return here;
  }

  get here(): { readonly peer: Peer; readonly version: string }[] {
    return [...this.#found].flatMap(([peer, answer]) =>
      "version" in answer ? [{ peer, version: answer.version }] : [],
    );
  }

  get missing(): { readonly name: string; readonly why: string }[] {
    return [...this.#found].flatMap(([{ name }, answer]) =>
      "missing" in answer ? [{ name, why: answer.missing }] : [],
    );
  }
}
