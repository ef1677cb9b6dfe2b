import { parseOriginList } from "@carillon/server";
import { parseArgs, type ParseArgsConfig } from "node:util";

/** Where a server listens and what it may be asked for, as command line and environment say it. */
export interface ServeSettings {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** The folder for what must last; null: everything is in memory, and ends with the server. */
  readonly data: string | null;
  /** Proxies in front that add to `X-Forwarded-For`. */
  readonly trustProxy: number;
  /** Origins beside the server's own. */
  readonly origins: readonly string[];
  readonly openEcho: boolean;
  /** Names of channels. */
  readonly openRaw: readonly string[];
}

/** What the user asks for. */
export type Command =
  | { readonly name: "help" }
  | { readonly name: "version" }
  | ({ readonly name: "start" | "serve" } & ServeSettings);

/** The user's mistake: the message is a sentence for the terminal, and the command ends with 2. */
export class UsageError extends Error {
  override readonly name: string = "UsageError";
}

/** Instead of a folder: everything is kept in memory, and ends with the server. */
const IN_MEMORY = ":memory:";
/** Where `carillon start` keeps what must last, seen from where it is started. */
const DEFAULT_FOLDER = "data";
/** More proxies than anybody has in a row: a number beyond is a slip. */
const PROXIES_MAX = 10;

/** The text of `carillon --help`. */
export const USAGE: string = `Carillon, a realtime server.

Usage:
  carillon start [--host H] [--port P] [--data DIR] [--trust-proxy N]
      The chat page at /, with guest tickets.
  carillon serve [--host H] [--port P] [--data DIR] [--trust-proxy N] [--open-echo] [--open-raw NS:NAME]...
      The server alone. Nothing anonymous is open unless you say so:
      --open-echo         /raw/echo sends every message back, text or binary, up to 16 MiB
      --open-raw NS:NAME  /raw/NS:NAME is a channel for anybody; may be repeated

Options:
  --host H         address to listen on            (environment: HOST, default 127.0.0.1)
  --port P         port to listen on, 0 for any    (environment: PORT, default 3000)
  --data DIR       folder for what must last: messages, rooms, credentials, who guests are. One folder, one server.
                   ${IN_MEMORY} keeps nothing       (environment: CARILLON_DATA, default ./data; serve: ${IN_MEMORY})
  --trust-proxy N  proxies in front that add to X-Forwarded-For. Limits per address need it: otherwise everybody
                   has the proxy's address         (environment: CARILLON_TRUST_PROXY, default 0: none)
  --help           this text
  --version        the version

Environment:
  CARILLON_ORIGINS  origins of pages that may connect beside the server's own, separated by commas
`;

const OPTIONS = {
  host: { type: "string" },
  port: { type: "string" },
  data: { type: "string" },
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
  return {
    name,
    host: values.host ?? setting(env, "HOST") ?? "127.0.0.1",
    port: parsePort(values.port, "--port") ?? parsePort(setting(env, "PORT"), "PORT") ?? 3000,
    data: parseData(values.data ?? setting(env, "CARILLON_DATA") ?? (name === "start" ? DEFAULT_FOLDER : IN_MEMORY)),
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

function parseData(text: string): string | null {
  if (text === "") throw new UsageError(`--data: expected a folder, or ${IN_MEMORY}.`);
  return text === IN_MEMORY ? null : text;
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
