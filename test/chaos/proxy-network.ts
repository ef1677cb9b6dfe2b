import { TcpProxy, type TcpTarget } from "../support/tcp-proxy.ts";
import type { BrokerNetwork, Cut } from "./broker-network.ts";

/** Each line is a TCP proxy: for machines where a packet filter can't be had. Bytes that were sent are not lost in it. */
export class ProxyNetwork implements BrokerNetwork {
  readonly cuts: readonly Cut[] = ["silence", "refuse"];
  readonly lineOf = "node";
  readonly description: string;
  readonly #proxies: readonly TcpProxy[];

  private constructor(proxies: readonly TcpProxy[], reason: string) {
    this.#proxies = proxies;
    this.description = `TCP proxies (${reason})`;
  }

  /** @param target the broker, which need not run yet */
  static async create(lines: number, target: TcpTarget, reason: string): Promise<ProxyNetwork> {
    return new ProxyNetwork(await Promise.all(Array.from({ length: lines }, () => TcpProxy.start(target))), reason);
  }

  get lines(): number {
    return this.#proxies.length;
  }

  target(line: number): TcpTarget {
    return { host: "127.0.0.1", port: this.#proxies[line]?.port ?? 0 };
  }

  cut(how: Cut, line: number | "all"): Promise<() => Promise<void>> {
    const proxies = this.#proxies.filter((_, index) => line === "all" || index === line);
    for (const proxy of proxies) {
      if (how === "silence") proxy.stall();
      else {
        proxy.refuse();
        proxy.reset();
      }
    }
    return Promise.resolve(() => {
      for (const proxy of proxies) {
        if (how === "silence") proxy.resume();
        else proxy.accept();
      }
      return Promise.resolve();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const proxy of this.#proxies) await proxy.close();
  }
}
