import { DefinitionError } from "@carillon/protocol";
import type { Group } from "../hub/group.ts";
import type { Connection, ConnectionEvents, Framing } from "../session/connection.ts";
import type { SessionHost } from "../session/host.ts";
import { RawChannelPeer } from "./raw-channel-peer.ts";
import { rawGroup } from "./raw-group.ts";
import { RawHandlerPeer } from "./raw-handler-peer.ts";
import type { RawChannelRoute, RawFormat, RawHandlerRoute } from "./raw-options.ts";

/** The raw gateway: plain WebSockets over the same kernel. Nothing is open that was not declared. */
export class RawGateway {
  readonly #host: SessionHost;
  readonly #groups = new Map<Framing, Map<RawFormat, Group>>();

  constructor(host: SessionHost) {
    this.#host = host;
  }

  /** Throws a `DefinitionError` for a route that can't work, when the server is made rather than at the first peer. */
  check(path: string, route: RawHandlerRoute | RawChannelRoute): void {
    if ("handler" in route) return;
    const target = this.#host.target(route.channel);
    if (target?.options.kind !== "log") {
      throw new DefinitionError(
        `Raw route ${path}: expected the name of a log channel of the contract, got "${route.channel}".`,
      );
    }
    if (route.subscribe !== true && route.publish !== true) {
      throw new DefinitionError(
        `Raw route ${path}: expected subscribe or publish to be true; without both nothing is allowed.`,
      );
    }
  }

  /** Serves one connection of a route. */
  accept(connection: Connection, route: RawHandlerRoute | RawChannelRoute, url: URL): ConnectionEvents {
    if ("handler" in route) {
      const peer = new RawHandlerPeer(connection, this.#host, url);
      peer.serve(route.handler);
      return peer;
    }
    const target = this.#host.target(route.channel);
    if (target === null) throw new Error(`Expected a channel of the contract, got "${route.channel}".`);
    return new RawChannelPeer(connection, this.#host, route, target, this.#group(connection.framing, route.format));
  }

  #group(framing: Framing, format: RawFormat): Group {
    const formats = this.#groups.get(framing) ?? new Map<RawFormat, Group>();
    this.#groups.set(framing, formats);
    const group = formats.get(format) ?? rawGroup(framing, format);
    formats.set(format, group);
    return group;
  }
}
