import { CarillonError } from "@carillon/protocol";
import type { Fields } from "./fields.ts";
import type { Link } from "./link.ts";
import type { Payload } from "./payload.ts";
import type { Cancel, ClientPorts } from "./ports.ts";

/** Takes the outcome of a question, and the bytes that came with it. */
export type Asked = (outcome: Fields | CarillonError, body?: Uint8Array) => void;

/** A command that wants an answer in time: a call, a page of history, a compare-and-set. */
export interface Question {
  readonly command: object;
  readonly payload: Payload | null;
  /** True if asking twice does no harm: it is asked again when the connection breaks before the answer. */
  readonly isRepeatable?: boolean;
  /** Longest wait for the answer, and for a connection before it, in milliseconds. */
  readonly timeoutMs: number;
}

/** What questions need of their instance. */
export interface AsksHost {
  /** The link, once connected. */
  link(): Link | null;
}

interface Open extends Question {
  /** Ends the question; does nothing if it has ended. */
  readonly end: Asked;
}

/** Most questions that are open at a time. */
const QUESTIONS_MAX = 1000;

/** The questions that are open. Without a connection they wait for one, as long as their time lasts. */
export class Asks {
  readonly #ports: ClientPorts;
  readonly #host: AsksHost;
  readonly #open = new Set<Open>();

  constructor(ports: ClientPorts, host: AsksHost) {
    this.#ports = ports;
    this.#host = host;
  }

  /** Asks. `settle` is called once; the result gives the question up, and its answer is not waited for. */
  ask(question: Question, settle: Asked): Cancel {
    if (this.#open.size >= QUESTIONS_MAX) {
      settle(new CarillonError("queue_full", `Expected ${QUESTIONS_MAX} open commands at most.`));
      return () => {};
    }
    const { timeoutMs } = question;
    let cancelTimer: Cancel | null = null;
    const open: Open = {
      ...question,
      end: (outcome, body) => {
        if (!this.#open.delete(open)) return;
        cancelTimer?.();
        settle(outcome, body);
      },
    };
    this.#open.add(open);
    cancelTimer = this.#ports.setTimer(timeoutMs, () => {
      open.end(new CarillonError("timeout", `Expected an answer within ${timeoutMs} ms.`));
    });
    this.#send(open);
    return () => open.end(new CarillonError("aborted", "Given up."));
  }

  /** A connection stands: everything that is open is asked. */
  connected(): void {
    for (const open of this.#open) this.#send(open);
  }

  /** The client is disconnected. */
  stop(error: CarillonError): void {
    for (const open of this.#open) open.end(error);
  }

  #send(open: Open): void {
    this.#host.link()?.request(open.command, open.payload, (answer, body) => {
      if (answer) open.end(answer, body);
      else if (!open.isRepeatable) {
        open.end(new CarillonError("uncertain", "The server may have done it."));
      }
    });
  }
}
