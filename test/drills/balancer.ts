import { Agent, get, type ClientRequestArgs } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import type { SeededRandom } from "../support/seeded-random.ts";

/** Attempts that find every node closed are given up after so many rounds, and so long a pause between two. */
const ROUNDS_MAX = 50;
const ROUND_MS = 20;

/** What a balancer knows of nodes. */
export interface BalancerOptions {
  readonly ports: readonly number[];
  /** The node that is tried first as long as it takes connections; null: any. */
  readonly preferred: number | null;
  readonly random: SeededRandom;
}

/** Takes each connection to any node; where a node refuses it, to the next one, as a TCP balancer does. No node is sticky. */
export class Balancer extends Agent {
  readonly #options: BalancerOptions;

  constructor(options: BalancerOptions) {
    super({ keepAlive: false });
    this.#options = options;
  }

  override createConnection(_: ClientRequestArgs, done?: (error: Error | null, socket: Duplex) => void): undefined {
    this.#try(this.#order(), 0, (error, socket) => done?.(error, socket as Duplex));
  }

  /** The socket that `connect` of the SDK is to use. `opened` is told of each attempt. */
  socketClass(opened: () => void) {
    // oxlint-disable-next-line typescript/no-this-alias -- Of the class below, `this` is another.
    const agent = this;
    return class extends WebSocket {
      constructor(url: string, protocol: string) {
        opened();
        super(url, protocol, { agent, perMessageDeflate: false });
      }
    };
  }

  /** Asks some node for a path. */
  get(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = get({ agent: this, host: "localhost", path }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => (text += chunk));
        response.on("error", reject);
        response.on("end", () => {
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`Expected an answer, got ${response.statusCode}.`));
        });
      });
      request.on("error", reject);
    });
  }

  #order(): number[] {
    const { ports, preferred, random } = this.#options;
    const order = preferred === null ? [] : [preferred];
    const others = ports.filter((port) => port !== preferred);
    while (others.length > 0) order.push(...others.splice(random.below(others.length), 1));
    return order;
  }

  #try(order: readonly number[], attempt: number, done: (error: Error | null, socket?: Socket) => void): void {
    const socket = connect({ port: order[attempt % order.length] ?? 0, host: "127.0.0.1", noDelay: true });
    const failed = (error: Error): void => {
      if (attempt >= order.length * ROUNDS_MAX) return done(error);
      const isRoundOver = (attempt + 1) % order.length === 0;
      setTimeout(() => this.#try(order, attempt + 1, done), isRoundOver ? ROUND_MS : 0);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      done(null, socket);
    });
  }
}
