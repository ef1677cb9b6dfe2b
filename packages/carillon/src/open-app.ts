import {
  defineContract,
  isChannelName,
  log,
  BUILT_IN_PREFIX,
  type Contract,
  type LogSpec,
  type Schema,
} from "@carillon/protocol";
import {
  createCarillon,
  type Carillon,
  type CommonOptions,
  type RawChannelRoute,
  type RawHandlerRoute,
  type RawPeer,
} from "@carillon/server";
import * as v from "valibot";
import { StartError } from "./start-error.ts";

/** Bytes of one message of the echo: what protocol test suites send at most. */
const ECHO_BYTES_MAX = 16 * 1_024 * 1_024;
const ECHO_PATH = "/raw/echo";

/** What anybody may do here. */
export interface OpenDoors {
  readonly openEcho: boolean;
  /** Names of channels. */
  readonly openRaw: readonly string[];
}

/** Whatever a frame holds. */
const textOrBytes: Schema<string | Uint8Array> = v.union([v.string(), v.instance(Uint8Array)]);
/** Users of tickets; nobody is given any. */
const userSchema: Schema<{ readonly id: string }> = v.object({ id: v.string() });

/**
 * A server for trying things out: what is open is open to everybody, from any page, and the rest does not exist. The
 * contract has the channels that were named and no others. Throws a {@link StartError} for a name that is none.
 */
export function createOpenApp(
  options: CommonOptions,
  { openEcho, openRaw }: OpenDoors,
): Carillon<Contract, typeof userSchema> {
  const channels: Record<string, LogSpec> = {};
  const raw: Record<string, RawChannelRoute | RawHandlerRoute> = {};
  for (const name of openRaw) {
    if (!isChannelName(name) || name.startsWith(BUILT_IN_PREFIX)) {
      throw new StartError(
        `--open-raw: expected the name of a channel such as "bench:all", got ${JSON.stringify(name.slice(0, 200))}.`,
      );
    }
    channels[name] = log({ data: textOrBytes, history: { size: 1_000 } });
    raw[rawPath(name)] = { channel: name, format: "any", subscribe: true, publish: true, origins: "any" };
  }
  if (openEcho && ECHO_PATH in raw) throw new StartError(`--open-raw echo: ${ECHO_PATH} is taken by --open-echo.`);
  if (openEcho) raw[ECHO_PATH] = { handler: echo, origins: "any", messageBytes: ECHO_BYTES_MAX };
  return createCarillon({ ...options, contract: defineContract({ channels }), user: userSchema, raw });
}

/** The paths that {@link createOpenApp} opens. */
export function openPaths({ openEcho, openRaw }: OpenDoors): string[] {
  return [...(openEcho ? [ECHO_PATH] : []), ...openRaw.map(rawPath)];
}

function rawPath(name: string): string {
  return `/raw/${name}`;
}

/** A peer that does not read is not read from, so `send` has room for each message that comes. */
function echo(peer: RawPeer): void {
  peer.on("message", (data) => void peer.send(data));
}
