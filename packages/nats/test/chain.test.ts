import { describe, expect, test } from "vitest";
import { decodeBlock } from "../src/block-codec.ts";
import type { Block, LogBlock } from "../src/block.ts";
import { Chain } from "../src/chain.ts";
import { IdMemory } from "../src/id-memory.ts";
import type { LogReplica } from "../src/log-replica.ts";
import type { MessageQuery, Published, StoredMessage, Stream } from "../src/stream.ts";

const SUBJECT = "carillon.log.chat.lobby";

/** One subject of JetStream: a message is stored if the last one has the expected sequence. */
class Subject {
  readonly messages: StoredMessage[] = [];

  publish(_subject: string, data: Uint8Array, expected: number): Promise<Published> {
    if (expected !== (this.messages.at(-1)?.seq ?? 0)) return Promise.resolve({ ok: false, reason: "sequence" });
    const seq = this.messages.length + 1;
    this.messages.push({ seq, data });
    return Promise.resolve({ ok: true, seq });
  }

  get(query: MessageQuery): Promise<StoredMessage | null> {
    if ("last_by_subj" in query) return Promise.resolve(this.messages.at(-1) ?? null);
    return Promise.resolve(this.messages.find(({ seq }) => seq >= query.seq) ?? null);
  }
}

/** A node's chain of the subject; `ready` is waited for before anything is asked of the stream. */
class Node {
  ready: Promise<void> = Promise.resolve();
  readonly chain: Chain;
  #ids = 0;

  constructor(name: string, subject: Subject) {
    const ports = {
      monotonicMs: () => 0,
      wallMs: () => 0,
      after: () => ({ cancel: () => {} }),
      endOfTick: () => {},
      random: () => 0,
      id: () => `${name}-${++this.#ids}`,
      hash: (data: string | Uint8Array) => Buffer.from(data).toString("hex").slice(-11),
      digest: (data: string) => Buffer.from(data).toString("hex"),
    };
    const now = (): number => 1_000;
    const faults: ReadonlySet<never> = new Set<never>();
    this.chain = new Chain(
      {
        kind: "log",
        subject: SUBJECT,
        stream: () => this.ready.then(() => subject as unknown as Stream),
        log: { ports, faults, ids: new IdMemory({ windowMs: 1_000, entries: 100 }), now },
        state: { ports, faults, journalMax: 10 },
        ports,
        dataMax: () => 100_000,
        checkKind: () => Promise.resolve(),
        now,
        stored: () => {},
      },
      { stepped: () => {}, lost: () => {} },
    );
  }

  /** A block of one publication, on top of what this node knows. */
  draft(id: string): LogBlock {
    const { place, nonce: after } = this.chain.replica as LogReplica;
    const { epoch, offset, tag } = place;
    const nonce = `nonce of ${id}`;
    const record = {
      kind: "publication",
      id,
      at: 1_000,
      data: null,
      publisher: null,
      tags: null,
      meta: null,
      expires: 0,
      version: 1,
    } as const;
    const own = { nonce, offset, tag, records: [{ record, key: null }] };
    return { kind: "log", epoch, nonce, after, at: 1_000, isBirth: false, own, carried: [], ids: [] };
  }
}

/** True if each block was computed on the one that is stored before it. */
function isLinked(blocks: readonly (Block | null)[]): boolean {
  return blocks.every((block, index) => index === 0 || block?.after === blocks[index - 1]?.nonce);
}

describe("the chain of blocks of a channel", () => {
  test("a block that waits to be sent is not stored behind one that came live meanwhile", async () => {
    const subject = new Subject();
    const [one, other] = [new Node("one", subject), new Node("other", subject)];
    await one.chain.freshen();
    await other.chain.freshen();

    // After a reconnect a node makes its streams anew before it sends, and hears the others while it does.
    let made = (): void => {};
    one.ready = new Promise<void>((resolve) => (made = resolve));
    const waiting = one.chain.append(one.draft("late"));
    expect(await other.chain.append(other.draft("first"))).toBe(true);
    const { seq, data } = subject.messages.at(-1) as StoredMessage;
    expect(one.chain.live(seq, seq - 1, data)).toBe(true);
    made();

    expect(await waiting).toBe(false);
    // Judged again by what the other has done, it is stored on top of that.
    expect(await one.chain.append(one.draft("late"))).toBe(true);
    const blocks = subject.messages.map((message) => decodeBlock(message.data));
    expect(blocks.map((block) => (block as LogBlock).own.records.map(({ record }) => record.id))).toEqual([
      [],
      ["first"],
      ["late"],
    ]);
    expect(isLinked(blocks)).toBe(true);
  });

  test("a block that waits to be sent while the store is put back is not sent, though the sequence fits again", async () => {
    const subject = new Subject();
    const [one, other] = [new Node("one", subject), new Node("other", subject)];
    await one.chain.freshen();
    await one.chain.append(one.draft("lost"));

    let made = (): void => {};
    one.ready = new Promise<void>((resolve) => (made = resolve));
    const waiting = one.chain.append(one.draft("late"));
    one.chain.distrust();
    subject.messages.pop();
    await other.chain.freshen();
    await other.chain.append(other.draft("in its place"));
    made();

    expect(await waiting).toBe(false);
    await one.chain.freshen();
    expect(await one.chain.append(one.draft("late"))).toBe(true);
    expect(isLinked(subject.messages.map(({ data }) => decodeBlock(data)))).toBe(true);
    expect(subject.messages).toHaveLength(3);
  });

  test("a block that was computed on another replica than the one that is here is not sent", async () => {
    const subject = new Subject();
    const [one, other] = [new Node("one", subject), new Node("other", subject)];
    await one.chain.freshen();
    const outdated = one.draft("late");
    await other.chain.freshen();
    await other.chain.append(other.draft("first"));
    await one.chain.freshen();
    expect(await one.chain.append(outdated)).toBe(false);
    expect(subject.messages.length).toBe(2);
  });
});
