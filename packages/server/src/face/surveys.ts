import { CarillonError, isJson, jsonProblem, type Json } from "@carillon/protocol";
import type { Answer } from "../backplane/channel-store.ts";
import type { ClusterNode, Control, ControlMessage } from "../backplane/control.ts";
import type { Limits } from "../core/limits.ts";
import type { Logger } from "../core/logger.ts";
import type { Ports, Timer } from "../core/ports.ts";
import { settle } from "./settle.ts";

/** What the nodes of a cluster answered. */
export interface Survey<T> {
  /** Of each node that answered, this one included. */
  readonly answers: readonly { readonly node: string; readonly answer: T }[];
  /** Nodes whose answer was that they could not say, and why. */
  readonly failed: readonly { readonly node: string; readonly error: string }[];
  /** Nodes that are in the cluster and did not answer in time: dead, stopped, cut off or busy. */
  readonly missing: readonly string[];
  /** True: every node of the cluster answered. False also if the store could not say which there are. */
  readonly isComplete: boolean;
}

/** Answers a question of another node. */
export type SurveyHandler = (input: Json) => Json | Promise<Json>;

/** What surveys need. */
export interface SurveysContext {
  readonly ports: Ports;
  readonly limits: Pick<Limits, "hookTimeoutMs">;
  readonly logger: Logger;
  readonly control: () => Control;
  /** By name. */
  readonly handlers: ReadonlyMap<string, SurveyHandler>;
}

/** Surveys of this node under way at once. */
const SURVEYS_MAX = 1_000;
/** Questions that this node is answering at once, whoever asks. */
const ANSWERS_MAX = 1_000;
/** Characters of an answer, or of a question, as JSON: it goes through the store to every node. */
const JSON_MAX = 65_536;

interface Asked {
  readonly answers: Map<string, Json>;
  readonly failed: Map<string, string>;
  /** Who is to answer; null: not known yet, or never. */
  nodes: readonly ClusterNode[] | null;
  readonly settle: () => void;
}

/** Questions to every node, with a time by which the answers have to be there; a dead node costs no more than that. */
export class Surveys {
  readonly #context: SurveysContext;
  readonly #asked = new Map<string, Asked>();
  #answering = 0;

  constructor(context: SurveysContext) {
    this.#context = context;
  }

  /** Asks every node. Resolves when all have answered or the time is over; rejects if it can't be asked. */
  ask(name: string, input: Json, timeoutMs: number): Promise<Survey<Json>> {
    if (this.#asked.size >= SURVEYS_MAX) {
      const message = `Expected at most ${SURVEYS_MAX} surveys at once; wait for some to end.`;
      return Promise.reject(new CarillonError("overloaded", message));
    }
    const { ports, control } = this.#context;
    const bus = control();
    const id = ports.id();
    return new Promise((resolve) => {
      let timer: Timer | null = null;
      const asked: Asked = { answers: new Map(), failed: new Map(), nodes: null, settle: () => end(false) };
      const end = (isLate: boolean): void => {
        if (!isLate && !isComplete(asked)) return;
        timer?.cancel();
        if (this.#asked.delete(id)) resolve(resultOf(asked));
      };
      this.#asked.set(id, asked);
      timer = ports.after(timeoutMs, () => end(true));
      bus.nodes((answer: Answer<readonly ClusterNode[]>) => {
        if (answer.ok) asked.nodes = answer.value;
        end(false);
      });
      // This node answers itself even while the store is away.
      this.#answer(name, input, (said) => this.#heard(id, bus.node, said));
      bus.send({ type: "ask", id, from: bus.node, name, input });
    });
  }

  /** Takes a message of the bus that belongs to surveys. */
  take(message: Extract<ControlMessage, { type: "ask" | "answer" }>): void {
    const bus = this.#context.control();
    if (message.type === "answer") {
      if (message.to === bus.node) this.#heard(message.id, message.from, message);
      return;
    }
    const { id, from, name, input } = message;
    if (from === bus.node) return;
    this.#answer(name, input, (said) => bus.send({ type: "answer", id, to: from, from: bus.node, ...said }));
  }

  /** Hands over one answer, within the time that the application has for anything. */
  #answer(name: string, input: Json, say: (said: Said) => void): void {
    const handler = this.#context.handlers.get(name);
    if (handler === undefined) return say({ error: `This node has no survey "${name.slice(0, 64)}".` });
    if (this.#answering >= ANSWERS_MAX)
      return say({ error: `Expected at most ${ANSWERS_MAX} surveys at once on this node; wait for some to end.` });
    this.#answering++;
    const answered = (said: Said): void => {
      this.#answering--;
      say(said);
    };
    settle(
      this.#context,
      () => handler(input),
      (output) => {
        const problem = answerProblem(output);
        answered(problem === null ? { output } : { error: problem });
      },
      (error) => {
        this.#context.logger.error("A survey failed.", { survey: name, error: String(error) });
        answered({ error: "The survey failed on this node; its log says how." });
      },
    );
  }

  #heard(id: string, node: string, { output, error }: Said): void {
    const asked = this.#asked.get(id);
    if (asked === undefined) return;
    // A message may come twice.
    if (error === undefined && output !== undefined) asked.answers.set(node, output);
    else asked.failed.set(node, error ?? "It gave no reason.");
    asked.settle();
  }
}

interface Said {
  readonly output?: Json;
  readonly error?: string;
}

/** Why something can't go from node to node; null: it can. */
export function answerProblem(value: unknown): string | null {
  if (!isJson(value)) return `Expected JSON: ${jsonProblem(value) ?? "it is none"}.`;
  const { length } = JSON.stringify(value);
  return length <= JSON_MAX ? null : `Expected at most ${JSON_MAX} characters of JSON, got ${length}.`;
}

function isComplete({ nodes, answers, failed }: Asked): boolean {
  return nodes !== null && nodes.every(({ id }) => answers.has(id) || failed.has(id));
}

function resultOf(asked: Asked): Survey<Json> {
  const { nodes, answers, failed } = asked;
  const missing = (nodes ?? []).filter(({ id }) => !answers.has(id) && !failed.has(id)).map(({ id }) => id);
  return {
    answers: Array.from(answers, ([node, answer]) => ({ node, answer })),
    failed: Array.from(failed, ([node, error]) => ({ node, error })),
    missing,
    isComplete: nodes !== null && missing.length === 0 && failed.size === 0,
  };
}
