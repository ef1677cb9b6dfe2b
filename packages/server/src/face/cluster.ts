import { CarillonError, parseDuration, type Duration, type Json } from "@carillon/protocol";
import type { Answer } from "../backplane/channel-store.ts";
import type { ClusterNode, Control } from "../backplane/control.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Node } from "../node.ts";
import { answerProblem, type Survey, type SurveyHandler, type Surveys } from "./surveys.ts";

/** How long answers may take. */
export interface SurveyOptions {
  /** Default 2 s. */
  readonly timeout?: Duration;
}

/** What a node says of itself. */
export interface NodeStats {
  /** Users with an open session; one with sessions on two nodes is counted by both. */
  readonly users: number;
  readonly sessions: number;
  readonly connections: number;
  /** Channels with a subscriber on the node. */
  readonly channels: number;
  readonly subscriptions: number;
  /** Everything that the node counts; see {@link Metrics}. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** A session of a user, somewhere in the cluster. */
export interface UserConnection {
  readonly node: string;
  readonly session: string;
  readonly instance: string;
  readonly remoteAddress: string;
  /** Channels that it is subscribed to. */
  readonly channels: readonly string[];
}

/** The sessions of a user over all nodes that answered. */
export interface UserConnections {
  readonly connections: readonly UserConnection[];
  /** Nodes that did not answer, or could not, as when a user has more there than an answer holds: there may be more. */
  readonly missing: readonly string[];
  /** True: every node answered. */
  readonly isComplete: boolean;
}

const TIMEOUT = "2s";
/** Names of the surveys that every node answers. */
const STATS = "@stats";
const USER = "@user";
const COUNT = "@count";

/**
 * The cluster, from one of its nodes: who is in it, and questions to all of them. Nothing here waits for a dead node longer
 * than the given time; what was not answered is named. With a backplane for one node the cluster is that node.
 */
export class Cluster {
  readonly #node: Node;
  readonly #surveys: Surveys;
  readonly #ready: () => Promise<unknown>;

  /** Belongs to a `Carillon`. */
  constructor(node: Node, surveys: Surveys, ready: () => Promise<unknown>) {
    this.#node = node;
    this.#surveys = surveys;
    this.#ready = ready;
  }

  /** The id of this node, another one after each start. Resolves once the backplane is open. */
  async self(): Promise<string> {
    return (await this.#control()).node;
  }

  /** The nodes that are alive, oldest first. Rejects with a `CarillonError` while the store can't be reached. */
  async nodes(): Promise<readonly ClusterNode[]> {
    const control = await this.#control();
    const answer = await new Promise<Answer<readonly ClusterNode[]>>((resolve) => control.nodes(resolve));
    if (!answer.ok) throw new CarillonError(answer.code, answer.message);
    return answer.value.toSorted((one, other) => one.since - other.since || (one.id < other.id ? -1 : 1));
  }

  /** What every node counts. */
  async stats(options: SurveyOptions = {}): Promise<Survey<NodeStats>> {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Nodes of one cluster answer nothing else to that.
    return (await this.#ask(STATS, null, options)) as unknown as Survey<NodeStats>;
  }

  /** The sessions that a user has, on all nodes. */
  async connections(user: string, options: SurveyOptions = {}): Promise<UserConnections> {
    const { answers, failed, missing, isComplete } = await this.#ask(USER, user, options);
    const connections = answers.flatMap(({ node, answer }) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Nodes of one cluster answer nothing else to that.
      (answer as unknown as readonly Omit<UserConnection, "node">[]).map((found) => ({ node, ...found })),
    );
    return { connections, missing: [...missing, ...failed.map(({ node }) => node)], isComplete };
  }

  /**
   * True if the user has a session anywhere, as far as nodes answered. `false` is certain only if all did, which
   * {@link Cluster.connections} tells.
   */
  async isConnected(user: string, options: SurveyOptions = {}): Promise<boolean> {
    const { answers } = await this.#ask(COUNT, user, options);
    return answers.some(({ answer }) => typeof answer === "number" && answer > 0);
  }

  /** Asks every node a question of the application's own, which the option `surveys` answers there. */
  async ask(name: string, input: Json = null, options: SurveyOptions = {}): Promise<Survey<Json>> {
    if (name.startsWith("@")) throw new CarillonError("bad_message", `Expected the name of a survey, got "${name}".`);
    const problem = answerProblem(input);
    if (problem !== null) throw new CarillonError("invalid_data", `The input of a survey: ${problem}`);
    return this.#ask(name, input, options);
  }

  async #ask(name: string, input: Json, { timeout = TIMEOUT }: SurveyOptions): Promise<Survey<Json>> {
    const timeoutMs = parseDuration(timeout, "timeout");
    await this.#ready();
    return this.#surveys.ask(name, input, timeoutMs);
  }

  async #control(): Promise<Control> {
    await this.#ready();
    return this.#node.backplane.control;
  }
}

/** What a node answers to, besides what the application adds. */
export function ownSurveys(node: Node): ReadonlyMap<string, SurveyHandler> {
  return new Map<string, SurveyHandler>([
    [STATS, () => statsOf(node)],
    [COUNT, (user) => (typeof user === "string" ? node.registry.ofUser(user).length : 0)],
    [USER, (user) => (typeof user === "string" ? connectionsOf(node, user) : [])],
  ]);
}

function statsOf({ metrics, registry }: Node): Json {
  const { sessions, connections, channels, subscriptions } = metrics;
  return {
    users: registry.users().length,
    sessions,
    connections,
    channels,
    subscriptions,
    metrics: countsOf(metrics),
  } satisfies NodeStats;
}

function countsOf(metrics: Metrics): Record<string, number> {
  return Object.fromEntries(
    Object.entries(metrics).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
}

function connectionsOf({ registry }: Node, user: string): Json {
  return registry.ofUser(user).map((session) => ({
    session: session.id,
    instance: session.identity.instance,
    remoteAddress: session.connection.remoteAddress,
    channels: session.subscriptions.values().map(({ channel }) => channel),
  }));
}
