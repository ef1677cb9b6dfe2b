import { parseOriginList } from "@carillon/server";
import { parseArgs, type ParseArgsConfig } from "node:util";
import { keyOf } from "./guest-key.ts";
import { chooseStore, IN_MEMORY, type StoreChoice } from "./store-choice.ts";
import { UsageError } from "./usage-error.ts";

/** Where a server listens and what it may be asked for, as command line and environment say it. */
export interface ServeSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Where everything is kept. */
  readonly store: StoreChoice;
  /** Clients are told to leave spread over this time, in milliseconds. */
  readonly drainMs: number;
  /** Proxies in front that add to `X-Forwarded-For`. */
  readonly trustProxy: number;
  /** Origins beside the server's own. */
  readonly origins: readonly string[];
  /** What signs the cookies of guests; null: what is kept with everything else. */
  readonly guestKey: Uint8Array | null;
  readonly openEcho: boolean;
  /** Names of channels. */
  readonly openRaw: readonly string[];
}

/** What the user asks for. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | ({ readonly name: "start" | "serve" } & ServeSettings);

/** Where `carillon start` keeps what must last, seen from where it is started. */
const DEFAULT_FOLDER = "data";
/** More proxies than anybody has in a row: a number beyond is a slip. */
const PROXIES_MAX = 10;
/** With one server everybody comes back to it anyway: waiting only makes the time without it longer. */
const DRAIN_ALONE = "1s";
/**
 * With others to go to, what they take on is spread: 3,000 clients are 600 a second. All of leaving is over within the
 * ten seconds after which containers are killed.
 */
const DRAIN_SHARED = "5s";
/** More than anybody waits for a server to leave, in milliseconds: ten minutes. */
const DRAIN_MAX_MS = 600_000;

/** The text of `carillon --help`. */
export const USAGE: string = `Carillon, a realtime server.

Usage:
  carillon start [options]
      The chat page at /, with guest tickets.
  carillon serve [options] [--open-echo] [--open-raw NS:NAME]...
      The server alone. Nothing anonymous is open unless you say so:
      --open-echo         /raw/echo sends every message back, text or binary, up to 16 MiB
      --open-raw NS:NAME  /raw/NS:NAME is a channel for anybody; may be repeated

Options:
  --host H         address to listen on            (environment: HOST, default 127.0.0.1)
  --port P         port to listen on, 0 for any    (environment: PORT, default 3000)
  --trust-proxy N  proxies in front that add to X-Forwarded-For. Limits per address need it: otherwise everybody
                   has the proxy's address         (environment: CARILLON_TRUST_PROXY, default 0: none)
  --drain TIME     when it is told to stop, clients are told to leave spread over this time
                                                   (environment: CARILLON_DRAIN, default ${DRAIN_ALONE}; with others: ${DRAIN_SHARED})
  --help           this text
  --version        the version

Where everything is kept: messages, rooms, credentials, who guests are. One of:
  --data DIR       a folder, for one server. ${IN_MEMORY} keeps nothing
                                                   (environment: CARILLON_DATA, default ./data; serve: ${IN_MEMORY})
  --redis URL      Redis 7 or newer, for many servers; those with the same URL and name are one cluster. Every user of
                   the machine sees a command line: put a URL with a password into the environment
                                                   (environment: CARILLON_REDIS)
  --nats URL       NATS 2.9 or newer with JetStream, likewise; several of one cluster with commas
                                                   (environment: CARILLON_NATS)
  --name NAME      name of the cluster, with --redis or --nats
                                                   (environment: CARILLON_NAME, default carillon)

Environment:
  CARILLON_ORIGINS    origins of pages that may connect beside the server's own, separated by commas: behind a proxy,
                      what stands in the address bar
  CARILLON_GUEST_KEY  signs the cookies of guests: 32 bytes in base64url, the same on all servers
                      (default: made once, and kept where everything is kept)
`;

const OPTIONS = {
  host: { type: "string" },
  port: { type: "string" },
  data: { type: "string" },
  redis: { type: "string" },
  nats: { type: "string" },
  name: { type: "string" },
  drain: { type: "string" },
  "trust-proxy": { type: "string" },
  "open-echo": { type: "boolean" },
  "open-raw": { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
  version: { type: "boolean", short: "v" },
} as const satisfies ParseArgsConfig["options"];

/** Reads the command line, which wins, and the environment. Throws a {@link UsageError}. */
export function parseCommand(args: readonly string[], env: NodeJS.ProcessEnv): Command {
  const { values, positionals } = parse(args);
  if (values.help === true) return { name: "help" };
  if (values.version === true) return { name: "version" };
  const [name, ...rest] = positionals;
  if (name === undefined) throw new UsageError(`Expected a command: start or serve. ${SEE_HELP}`);
  if (name !== "start" && name !== "serve")
    throw new UsageError(`Unknown command "${name}": expected start or serve. ${SEE_HELP}`);
  if (rest.length > 0) throw new UsageError(`Unexpected argument "${rest[0]}" after ${name}. ${SEE_HELP}`);
  const openEcho = values["open-echo"] === true;
  const openRaw = [...new Set(values["open-raw"] ?? [])];
  if (name === "start" && (openEcho || openRaw.length > 0)) {
    throw new UsageError("--open-echo and --open-raw belong to carillon serve.");
  }
  const store = storeOf(values, env, name === "start" ? DEFAULT_FOLDER : IN_MEMORY);
  return {
    name,
    store,
    drainMs: drainOf(values.drain, env, "url" in store ? DRAIN_SHARED : DRAIN_ALONE),
    guestKey: parseGuestKey(setting(env, "CARILLON_GUEST_KEY")),
    host: values.host ?? setting(env, "HOST") ?? "127.0.0.1",
    port: parsePort(values.port, "--port") ?? parsePort(setting(env, "PORT"), "PORT") ?? 3000,
    trustProxy:
      parseProxies(values["trust-proxy"], "--trust-proxy") ??
      parseProxies(setting(env, "CARILLON_TRUST_PROXY"), "CARILLON_TRUST_PROXY") ??
      0,
    origins: parseOrigins(setting(env, "CARILLON_ORIGINS") ?? ""),
    openEcho,
    openRaw,
  };
}

const SEE_HELP = "See carillon --help.";

function parse(
  args: readonly string[],
): ReturnType<typeof parseArgs<{ options: typeof OPTIONS; allowPositionals: true }>> {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true });
  } catch (error) {
    // parseArgs says what is wrong in its first sentence; the others are advice on quoting.
    const [sentence] = (error instanceof Error ? error.message : String(error)).split(". ");
    throw new UsageError(`${sentence?.replace(/\.$/, "")}. ${SEE_HELP}`, { cause: error });
  }
}

/** A variable that is set to nothing counts as not set: that is how shells and compose files unset one. */
function setting(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const value = env[name];
  return value === "" ? undefined : value;
}

function parsePort(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new UsageError(`${name}: expected a port from 0 to 65535, got ${JSON.stringify(text.slice(0, 80))}.`);
}

type Values = Readonly<Partial<Record<"data" | "redis" | "nats" | "name", string>>>;

function storeOf({ data, redis, nats, name }: Values, env: NodeJS.ProcessEnv, fallback: string): StoreChoice {
  const fromEnv = {
    data: setting(env, "CARILLON_DATA"),
    redis: setting(env, "CARILLON_REDIS"),
    nats: setting(env, "CARILLON_NATS"),
    name: setting(env, "CARILLON_NAME"),
  };
  return chooseStore({ data, redis, nats, name }, fromEnv, fallback);
}

function drainOf(text: string | undefined, env: NodeJS.ProcessEnv, fallback: string): number {
  const said = text ?? setting(env, "CARILLON_DRAIN") ?? fallback;
  const name = text === undefined ? "CARILLON_DRAIN" : "--drain";
  const [, count = "", unit = ""] = /^(\d{1,6})(ms|s|m)$/.exec(said) ?? [];
  const drainMs = Number(count) * (UNITS.get(unit) ?? Number.NaN);
  if (drainMs <= DRAIN_MAX_MS) return drainMs;
  throw new UsageError(
    `${name}: expected a time up to ten minutes, such as 500ms, 5s or 1m, got ${JSON.stringify(said.slice(0, 80))}.`,
  );
}

/** Units of time, in milliseconds. */
const UNITS: ReadonlyMap<string, number> = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
]);

function parseGuestKey(text: string | undefined): Uint8Array | null {
  const key = text === undefined ? null : keyOf(text);
  if (text === undefined || key !== null) return key;
  // What was given is not shown: most of a secret may be right.
  throw new UsageError("CARILLON_GUEST_KEY: expected 32 bytes in base64url, which are 43 characters, as in guest.key.");
}

function parseProxies(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,2}$/.test(text) && Number(text) <= PROXIES_MAX) return Number(text);
  throw new UsageError(
    `${name}: expected how many proxies stand in front, 0 to ${PROXIES_MAX}, got ${JSON.stringify(text.slice(0, 80))}.`,
  );
}

function parseOrigins(text: string): string[] {
  try {
    return parseOriginList(text);
  } catch (error) {
    throw new UsageError(`CARILLON_ORIGINS: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}
