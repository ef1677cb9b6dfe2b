import { MESSAGE_BYTES, messageText, type ServerKind } from "../messages.ts";
import { CheckingReader, JSON_BYTES } from "./checking-reader.ts";
import { clientFrame } from "./frames.ts";
import { Peer } from "./peer.ts";
import { CountingReader, type Counting, type Reader } from "./reader.ts";

/** How to speak to a kind of server. */
interface Door {
  readonly subscribePath: string;
  readonly publishPath: string;
  readonly protocol: string | null;
  readonly counting: Counting;
  /** What each subscriber, and the publisher, says first. */
  greeting(port: number, isPublisher: boolean): Promise<readonly string[]>;
  frame(sequence: number): Buffer;
}

const PLAIN: Door = {
  subscribePath: "/subscribe",
  publishPath: "/publish",
  protocol: null,
  counting: "frames",
  greeting: () => Promise.resolve([]),
  frame: (sequence) => clientFrame(0x2, Buffer.from(messageText(sequence, MESSAGE_BYTES))),
};

const CARILLON: Door = {
  subscribePath: "/realtime",
  publishPath: "/realtime",
  protocol: "carillon.1.json",
  counting: "marks",
  greeting: async (port, isPublisher) => {
    const ticket = await (await fetch(`http://127.0.0.1:${port}/`)).text();
    const connect = JSON.stringify({ cmd: "connect", id: 1, ticket });
    return isPublisher ? [connect] : [connect, JSON.stringify({ cmd: "subscribe", id: 2, channel: "bench:all" })];
  },
  frame: (sequence) => {
    const data = { text: messageText(sequence, MESSAGE_BYTES - JSON_BYTES) };
    const publish = { cmd: "publish", id: sequence + 2, channel: "bench:all", publication: `p${sequence}`, data };
    return clientFrame(0x1, JSON.stringify(publish));
  },
};

const DOORS: Readonly<Record<ServerKind, Door>> = { ws: PLAIN, lossy: PLAIN, raw: PLAIN, "carillon.1": CARILLON };

/** One connection in so many is read and checked in full; the others are counted. */
const SAMPLE_EVERY = 100;
/** Connections that are opened at a time. */
const OPENING_MAX = 50;
/** A run is given up when nothing comes for this long, in milliseconds. */
const SILENCE_MS = 5_000;

/** How often it is looked whether everybody has everything, in milliseconds. */
const LOOK_MS = 2;

/** How a run went. */
export interface SwarmReport {
  /** Time in which nothing came: what the load generator had to spare. */
  readonly idleMs: number;
  readonly problems: readonly string[];
}

/** The subscribers of one server, and the publisher that feeds them. */
export class Swarm {
  readonly #door: Door;
  readonly #readers: Reader[] = [];
  readonly #checked: CheckingReader[] = [];
  readonly #peers: Peer[] = [];
  #publisher: Peer | null = null;
  #marker: Reader | null = null;
  #published = 0;
  #wanted = 0;
  #seen = 0;
  #reads = 0;

  constructor(kind: ServerKind) {
    this.#door = DOORS[kind];
  }

  /** Connects them all. The last one is the marker: when it has a message, the server has sent it to everybody. */
  async connect(port: number, subscribers: number): Promise<void> {
    for (let first = 0; first < subscribers; first += OPENING_MAX) {
      const count = Math.min(OPENING_MAX, subscribers - first);
      await Promise.all(
        Array.from({ length: count }, (_, index) => this.#subscriber(port, first + index, subscribers)),
      );
    }
    const { publishPath: path, protocol } = this.#door;
    const greeting = await this.#door.greeting(port, true);
    const reader = new CountingReader("marks");
    this.#publisher = new Peer({ port, path, protocol, greeting, reader, onRead: () => {} });
    await this.#publisher.ready();
  }

  /**
   * Publishes messages, so many in flight, and waits until everybody has them all. It never sleeps meanwhile: over the
   * loopback interface it is the server's write that would wake it up, and the server that would pay for it.
   */
  async run(messages: number, inFlight: number): Promise<SwarmReport> {
    this.#wanted = this.#published + messages;
    this.#publish(Math.min(inFlight, messages));
    let [heardAt, lookedAt, idleMs] = [performance.now(), performance.now(), 0];
    for (let turnAt = heardAt; turnAt - heardAt < SILENCE_MS;) {
      const before = this.#reads;
      await turn();
      const now = performance.now();
      if (this.#reads === before) idleMs += now - turnAt;
      else heardAt = now;
      turnAt = now;
      if (now - lookedAt < LOOK_MS) continue;
      lookedAt = now;
      if (this.#isComplete) break;
    }
    return { idleMs, problems: this.#problems() };
  }

  /** Messages that came so far, all subscribers together. */
  get items(): number {
    return this.#readers.reduce((sum, { items }) => sum + items, 0);
  }

  /** Bytes of the frames that brought them. */
  get itemBytes(): number {
    return this.#readers.reduce((sum, { itemBytes }) => sum + itemBytes, 0);
  }

  end(): void {
    for (const peer of this.#peers) peer.end();
    this.#publisher?.end();
  }

  async #subscriber(port: number, index: number, subscribers: number): Promise<void> {
    const { subscribePath: path, protocol, counting } = this.#door;
    const isMarker = index === subscribers - 1;
    const checking = index % SAMPLE_EVERY === 0 || isMarker ? new CheckingReader(counting) : null;
    const reader = checking ?? new CountingReader(counting);
    const greeting = await this.#door.greeting(port, false);
    const onRead = (): void => {
      this.#reads += 1;
      if (isMarker) this.#feed();
    };
    const peer = new Peer({ port, path, protocol, greeting, reader, onRead });
    await peer.ready();
    this.#peers.push(peer);
    this.#readers.push(reader);
    if (checking !== null) this.#checked.push(checking);
    if (isMarker) this.#marker = reader;
  }

  /** For each message that the marker has got, another is published. */
  #feed(): void {
    const came = (this.#marker?.items ?? 0) - this.#seen;
    this.#seen += came;
    this.#publish(Math.min(came, this.#wanted - this.#published));
  }

  #publish(count: number): void {
    if (count <= 0) return;
    const frames = Array.from({ length: count }, (_, index) => this.#door.frame(this.#published + index));
    this.#published += count;
    this.#publisher?.write(Buffer.concat(frames));
  }

  get #isComplete(): boolean {
    return this.#readers.every(({ items }) => items === this.#wanted);
  }

  #problems(): string[] {
    const problems = this.#checked.flatMap((reader) => reader.takeProblems());
    const wrong = this.#readers.filter(({ items }) => items !== this.#wanted);
    const [first] = wrong;
    if (first !== undefined) {
      problems.push(
        `${wrong.length} subscribers did not get ${this.#wanted} messages; one of them got ${first.items}.`,
      );
    }
    // Everybody is sent the same bytes, so whoever was only counted has as many as whoever was read.
    const sizes = new Set(this.#readers.map(({ itemBytes }) => itemBytes));
    if (sizes.size > 1) problems.push(`Subscribers got different numbers of bytes: ${[...sizes].join(", ")}.`);
    const { replies } = this.#publisher?.reader ?? { replies: 0 };
    if (this.#door === CARILLON && replies !== 1 + this.#published) {
      problems.push(`${this.#published} publishes were sent and ${replies - 1} answered.`);
    }
    return problems;
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
