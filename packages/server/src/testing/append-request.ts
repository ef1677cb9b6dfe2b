import type { AppendRequest, AppendResult, ChannelStore } from "../backplane/channel-store.ts";

/** An append without its answer, of which a test says what it cares about. */
export type AppendGiven = Partial<Omit<AppendRequest, "done">> & Pick<AppendRequest, "channel" | "options" | "id">;

/** A publish by the application, without an idempotency key, of its id as JSON; `given` wins. */
export function appendRequest(given: AppendGiven): Omit<AppendRequest, "done"> {
  return {
    idempotency: null,
    data: JSON.stringify(given.id),
    publisher: null,
    amend: null,
    tags: null,
    meta: null,
    expiresInMs: 0,
    version: 1,
    ...given,
  };
}

/** Appends one batch. Resolves to the results in the order of the requests, once all are there. */
export function appendAll(
  channels: Pick<ChannelStore, "append">,
  requests: readonly Omit<AppendRequest, "done">[],
): Promise<AppendResult[]> {
  return answered<Omit<AppendRequest, "done">, AppendResult>(requests, (batch) => channels.append(batch));
}

/** Sends requests that are answered one by one. Resolves to all answers, in the order of the requests. */
export function answered<Request extends object, Result>(
  requests: readonly Request[],
  send: (batch: readonly (Request & { readonly done: (result: Result) => void })[]) => void,
): Promise<Result[]> {
  return new Promise((resolve) => {
    const results: Result[] = [];
    let left = requests.length;
    const batch = requests.map((request, index) => ({
      ...request,
      done: (result: Result) => {
        results[index] = result;
        if (--left === 0) resolve(results);
      },
    }));
    send(batch);
  });
}
