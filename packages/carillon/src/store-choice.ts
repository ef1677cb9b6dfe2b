import { resolve } from "node:path";
import { UsageError } from "./usage-error.ts";

/** Where everything is kept. */
export type StoreChoice =
  /** In memory: it ends with the server. */
  | { readonly kind: "memory" }
  /** In a folder, which belongs to one server. */
  | { readonly kind: "folder"; readonly folder: string }
  /** In a broker, which servers with the same name share: they are one cluster. */
  | { readonly kind: "redis" | "nats"; readonly url: string; readonly name: string };

/** Instead of a folder: everything is kept in memory, and ends with the server. */
export const IN_MEMORY = ":memory:";
/** The name of a cluster, if nobody has given it another. */
const NAME = "carillon";
/** What both brokers can have in the names of keys and streams. */
const NAME_FORM = /^[\w-]{1,32}$/;

/** Ways to say it, as command line or environment have them; undefined: not said. */
interface Said {
  readonly data: string | undefined;
  readonly redis: string | undefined;
  readonly nats: string | undefined;
  readonly name: string | undefined;
}

/**
 * Chooses by the command line; only if that says nothing, by the environment; else the fallback. Throws a
 * {@link UsageError} for two at once and for what can't be one; none of its sentences shows a URL, since there may be a
 * password in it.
 */
export function chooseStore(line: Said, env: Said, fallback: string): StoreChoice {
  const name = line.name ?? env.name ?? NAME;
  const choice =
    choose(line, { data: "--data", redis: "--redis", nats: "--nats" }, name) ??
    choose(env, { data: "CARILLON_DATA", redis: "CARILLON_REDIS", nats: "CARILLON_NATS" }, name) ??
    folderOrMemory(fallback);
  if (line.name !== undefined && !("url" in choice)) {
    throw new UsageError("--name is the name of a cluster: expected --redis or --nats beside it.");
  }
  if (!NAME_FORM.test(name)) {
    throw new UsageError(
      `${line.name === undefined ? "CARILLON_NAME" : "--name"}: expected 1 to 32 letters, digits, _ or -, ` +
        `got ${JSON.stringify(name.slice(0, 80))}.`,
    );
  }
  return choice;
}

/** Says where everything is kept, for the terminal: a broker without user and password. */
export function describeStore(choice: StoreChoice): string {
  if (choice.kind === "memory") return "Everything is kept in memory, and ends with the server";
  if (choice.kind === "folder") return `Everything is kept in ${resolve(choice.folder)}`;
  const broker = choice.kind === "redis" ? "Redis" : "NATS";
  return `Everything is kept in ${broker} at ${placesOf(choice.url)}, cluster ${choice.name}`;
}

type Names = Readonly<Record<"data" | "redis" | "nats", string>>;

function choose({ data, redis, nats }: Said, names: Names, name: string): StoreChoice | null {
  const said = (["data", "redis", "nats"] as const).filter((key) => ({ data, redis, nats })[key] !== undefined);
  const [first, second] = said;
  if (first !== undefined && second !== undefined) {
    throw new UsageError(`${names[first]} and ${names[second]} exclude each other: expected one place to keep things.`);
  }
  if (data !== undefined) return folderOrMemory(data);
  if (redis !== undefined) {
    if (!isRedis(redis)) throw new UsageError(`${names.redis}: expected a URL like redis://user:password@host:6379.`);
    return { kind: "redis", url: redis, name };
  }
  if (nats === undefined) return null;
  if (!nats.split(",").every(isNats)) {
    throw new UsageError(
      `${names.nats}: expected a URL like nats://user:password@host:4222, or several of one cluster, with commas.`,
    );
  }
  return { kind: "nats", url: nats, name };
}

function folderOrMemory(text: string): StoreChoice {
  if (text === "") throw new UsageError(`--data: expected a folder, or ${IN_MEMORY}.`);
  return text === IN_MEMORY ? { kind: "memory" } : { kind: "folder", folder: text };
}

function isRedis(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, pathname } = new URL(text);
  return ["redis:", "rediss:"].includes(protocol) && /^\/?\d*$/.test(pathname);
}

function isNats(text: string): boolean {
  const address = withScheme(text);
  if (!URL.canParse(address)) return false;
  const { protocol, hostname, pathname } = new URL(address);
  return ["nats:", "tls:"].includes(protocol) && hostname !== "" && ["", "/"].includes(pathname);
}

function withScheme(text: string): string {
  return text.includes("://") ? text.trim() : `nats://${text.trim()}`;
}

/** Hosts and ports of the URLs, and nothing else of them. */
function placesOf(urls: string): string {
  return urls
    .split(",")
    .map((url) => new URL(withScheme(url)).host)
    .join(", ");
}
