import { NetworkNamespace } from "../support/network-namespace.ts";
import type { ServerPlace } from "../support/server-place.ts";
import type { TcpTarget } from "../support/tcp-proxy.ts";
import type { BrokerNetwork, Cut } from "./broker-network.ts";

const RESET = ["-j", "REJECT", "--reject-with", "tcp-reset"];

/**
 * The broker in a network namespace of its own. Each line is an address of it: for each node one,
 * or for each server of a cluster. A line is cut by rules of the packet
 * filter in there. Whoever runs the chaos talks to the broker at an address of its own, which is never cut.
 */
export class NamespaceNetwork implements BrokerNetwork {
  readonly cuts: readonly Cut[] = ["silence", "deaf", "mute", "refuse"];
  readonly lines: number;
  readonly lineOf: "node" | "server";
  readonly #namespace: NetworkNamespace;

  private constructor(namespace: NetworkNamespace, lines: number, lineOf: "node" | "server") {
    this.#namespace = namespace;
    this.lines = lines;
    this.lineOf = lineOf;
  }

  /** Rejects where namespaces or packet filters can't be had. */
  static async create(lines: number, lineOf: "node" | "server" = "node"): Promise<NamespaceNetwork> {
    return new NamespaceNetwork(await NetworkNamespace.create(lines), lines, lineOf);
  }

  get description(): string {
    return `a network namespace, cut by ${this.#namespace.filter}`;
  }

  /** Where a server runs that all lines lead to. */
  place(port: number, log: string): ServerPlace {
    const { host, command } = this.#namespace;
    return { host, bind: "0.0.0.0", port, command, log };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#namespace[Symbol.asyncDispose]();
  }

  target(line: number, port: number): TcpTarget {
    return { host: this.#namespace.address(line), port };
  }

  async cut(how: Cut, line: number | "all"): Promise<() => Promise<void>> {
    const lines = line === "all" ? Array.from({ length: this.lines }, (_, index) => index) : [line];
    const undo: (() => Promise<void>)[] = [];
    for (const one of lines) {
      for (const rule of this.#rules(how, this.#namespace.address(one))) undo.push(await this.#namespace.rule(...rule));
    }
    return async () => {
      for (const mend of undo) await mend();
    };
  }

  /** Only what passes the link: servers in the namespace may talk to each other at these addresses. */
  #rules(how: Cut, address: string): readonly (readonly string[])[] {
    const { link } = this.#namespace;
    const to = ["INPUT", "-i", link, "-d", address, "-p", "tcp"];
    const from = ["OUTPUT", "-o", link, "-s", address, "-p", "tcp"];
    if (how === "refuse") return [[...to, ...RESET]];
    const drop = ["-j", "DROP"];
    if (how === "silence") {
      return [
        [...to, ...drop],
        [...from, ...drop],
      ];
    }
    return [how === "deaf" ? [...to, ...drop] : [...from, ...drop]];
  }
}
