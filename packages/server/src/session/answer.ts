import { CarillonError, wireError, type ErrorCode, type WireError } from "@carillon/protocol";
import type { Failure } from "../backplane/channel-store.ts";
import type { Answerer } from "./command.ts";

/** Where a reply goes. */
export interface AnswerSink {
  /** A reply: as an object, as its JSON text, or as whole frames. */
  reply(reply: object | string | Uint8Array): void;
  /** A command has its answer. */
  answered(isOk: boolean): void;
}

/** Sends one reply for one command; whatever comes after the first is passed over. */
export class Answer implements Answerer {
  readonly id: number;
  readonly #sink: AnswerSink;
  #onRetry: (() => void) | null = null;
  #isDone = false;

  constructor(id: number, sink: AnswerSink) {
    this.id = id;
    this.#sink = sink;
  }

  whenRetryable(callback: () => void): void {
    this.#onRetry = callback;
  }

  ok(result: object): void {
    this.#end(true, { re: this.id, ok: result });
  }

  okText(result: string): void {
    this.#end(true, `{"re":${this.id},"ok":${result}}`);
  }

  okEncoded(bytes: Uint8Array): void {
    this.#end(true, bytes);
  }

  fail(code: ErrorCode, message: string): void {
    this.failWith(new CarillonError(code, message));
  }

  failWith(error: CarillonError): void {
    this.#fail(wireError(error));
  }

  failure(failure: Failure): void {
    const { version } = failure;
    this.failWith(new CarillonError(failure.code, failure.message, version === undefined ? {} : { version }));
  }

  #fail(error: WireError): void {
    if (error.retry && !this.#isDone) this.#onRetry?.();
    this.#end(false, { re: this.id, error });
  }

  #end(isOk: boolean, reply: object | string | Uint8Array): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.#sink.reply(reply);
    this.#sink.answered(isOk);
  }
}
