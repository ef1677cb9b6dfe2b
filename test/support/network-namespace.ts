import { execFile, execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { onWayOut } from "./way-out.ts";

const run = promisify(execFile);

/** Namespaces of ours at once on a machine, at most; each has a network of its own, 10.231.<number>.0/24. */
const NAMESPACES_MAX = 250;
/** Where the system keeps their names. */
const NAMES = "/run/netns";
/** Programs that speak for the packet filter; the first that can add a rule is used. */
const FILTERS = ["iptables", "iptables-nft", "iptables-legacy"];
/** Room for addresses that are numbered from here. */
const FIRST_ADDRESS = 10;

/**
 * A network namespace with a link to this one, and a packet filter of its own: a server in it can be reached at several
 * addresses, and the packets of each can be dropped or refused. Needs root. It is gone when the process ends; what a
 * process left that was killed is taken away by the next one that makes a namespace.
 */
export class NetworkNamespace implements AsyncDisposable {
  readonly #number: number;
  readonly #stay: () => void;
  #filter = "";

  private constructor(number: number) {
    this.#number = number;
    this.#stay = onWayOut(() => this.#remove());
  }

  /** Makes one with so many addresses. Rejects with an error that says what can't be done here. */
  static async create(addresses: number): Promise<NetworkNamespace> {
    const namespace = new NetworkNamespace(await claim());
    try {
      await namespace.#link(addresses);
      await namespace.#findFilter();
      return namespace;
    } catch (error) {
      await namespace[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** What starts a program inside. */
  get command(): readonly string[] {
    return ["ip", "netns", "exec", nameOf(this.#number)];
  }

  /** The program that speaks for the packet filter. */
  get filter(): string {
    return this.#filter;
  }

  /** An address for whoever is not to be cut off. */
  get host(): string {
    return this.#address(1);
  }

  /** One of the addresses. */
  address(index: number): string {
    return this.#address(FIRST_ADDRESS + index);
  }

  /** Adds a rule to the filter inside; resolves to what deletes it. */
  async rule(...rule: readonly string[]): Promise<() => Promise<void>> {
    await this.#inside(this.#filter, "-w", "-A", ...rule);
    return () => this.#inside(this.#filter, "-w", "-D", ...rule);
  }

  /** The name of the link inside, for rules. */
  get link(): string {
    return `${linkOf(this.#number)}i`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stay();
    this.#remove();
    await Promise.resolve();
  }

  async #link(addresses: number): Promise<void> {
    const [outer, inner, name] = [linkOf(this.#number), this.link, nameOf(this.#number)];
    await run("ip", ["link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name]);
    await run("ip", ["link", "set", outer, "alias", `carillon ${process.pid}`]);
    await run("ip", ["address", "add", `${this.#address(254)}/24`, "dev", outer]);
    await run("ip", ["link", "set", outer, "up"]);
    const own = [this.host, ...Array.from({ length: addresses }, (_, index) => this.address(index))];
    for (const address of own) await run("ip", ["-n", name, "address", "add", `${address}/24`, "dev", inner]);
    for (const link of ["lo", inner]) await run("ip", ["-n", name, "link", "set", link, "up"]);
  }

  async #findFilter(): Promise<void> {
    const reasons: string[] = [];
    for (const filter of FILTERS) {
      this.#filter = filter;
      try {
        const undo = await this.rule(
          "INPUT",
          "-p",
          "tcp",
          "--dport",
          "1",
          "-j",
          "REJECT",
          "--reject-with",
          "tcp-reset",
        );
        return await undo();
      } catch (error) {
        reasons.push(`${filter}: ${reasonOf(error)}`);
      }
    }
    throw new Error(reasons.join("; "));
  }

  async #inside(...command: readonly string[]): Promise<void> {
    const [program = "", ...args] = [...this.command, ...command];
    await run(program, args);
  }

  #address(last: number): string {
    return `10.231.${this.#number}.${last}`;
  }

  #remove(): void {
    remove(this.#number);
  }
}

const nameOf = (number: number): string => `carillon-${number}`;
/** The name of a link has fifteen characters at most. */
const linkOf = (number: number): string => `carillon${number}`;

/** What a program that failed has said. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr) : "";
  const said = text === "" && error instanceof Error ? error.message : text;
  return said.trim().split("\n")[0] ?? "";
}

/** Makes a namespace whose number nobody has: adding one that exists fails. */
async function claim(): Promise<number> {
  for (const number of ours()) if (isLeftOver(number)) remove(number);
  let reason = "";
  for (let index = 0; index < NAMESPACES_MAX; index++) {
    const number = (process.pid + index) % NAMESPACES_MAX;
    try {
      await run("ip", ["netns", "add", nameOf(number)]);
      return number;
    } catch (error) {
      reason = reasonOf(error);
      if (!reason.includes("File exists")) break;
    }
  }
  throw new Error(`ip netns add: ${reason}`);
}

/** Numbers of the namespaces that there are. */
function ours(): readonly number[] {
  const names = existsSync(NAMES) ? readdirSync(NAMES) : [];
  return names.filter((name) => /^carillon-\d+$/.test(name)).map((name) => Number(name.slice("carillon-".length)));
}

/** True if the process that made it is no more. */
function isLeftOver(number: number): boolean {
  let alias: string;
  try {
    alias = readFileSync(`/sys/class/net/${linkOf(number)}/ifalias`, "utf8");
  } catch {
    return false;
  }
  const owner = Number(/^carillon (\d+)/.exec(alias)?.[1]);
  if (!Number.isInteger(owner)) return false;
  try {
    process.kill(owner, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Ends what runs inside, and takes away link and namespace. Never throws: it may be called for what is half made. */
function remove(number: number): void {
  const quietly = (...args: readonly string[]): string => {
    try {
      return execFileSync("ip", args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    } catch {
      return "";
    }
  };
  for (const pid of quietly("netns", "pids", nameOf(number)).split("\n").filter(Boolean)) {
    try {
      process.kill(Number(pid), "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }
  quietly("link", "delete", linkOf(number));
  quietly("netns", "delete", nameOf(number));
}
