/** The golden vectors of the wire, read by the client: what the server's encoder writes is what the SDK tells. */
import { wireError, type CarillonError } from "@carillon/protocol";
import { expect, test } from "vitest";
import { Link, type Answer } from "../src/core/link.ts";
import type { ClientPorts, SocketEvents } from "../src/index.ts";
import { readVectors, type Frame } from "./read-vectors.ts";
import { World } from "./world.ts";

type Head = Readonly<Record<string, unknown>>;

function dataOf({ text, hex }: Frame): string | Uint8Array {
  return text ?? new Uint8Array(Buffer.from(hex ?? "", "hex"));
}

/** A link whose frames the test sends. */
function link(): { link: Link; receive: (frame: Frame) => void; pushes: Head[]; broken: unknown[] } {
  let events: SocketEvents | undefined;
  const pushes: Head[] = [];
  const broken: unknown[] = [];
  const ports: Pick<ClientPorts, "open" | "soon"> = {
    soon: (run) => run(),
    open: (given) => {
      events = given;
      return { send: () => {}, close: () => {} };
    },
  };
  const made = new Link(ports, {
    opened: () => {},
    heard: () => {},
    push: (push) => pushes.push(push),
    broken: (cause) => broken.push(cause),
    closed: () => {},
  });
  return { link: made, receive: (frame) => events?.message(dataOf(frame)), pushes, broken };
}

test.each(readVectors("replies"))("reads the reply: $name", ({ frame, messages }) => {
  const { link: made, receive, broken } = link();
  const { head, body: hex = "" } = messages[0] ?? { head: null };
  const { re, ok, error } = head as Head;
  const answers: [Answer, Uint8Array | undefined][] = [];
  for (let id = 1; id <= Number(re); id++) {
    made.request({ cmd: "test" }, null, (...answer) => answers.push([answer[0], answer[1]]));
  }
  receive(frame);
  expect(broken).toEqual([]);
  expect(answers).toHaveLength(1);
  const [answer, body] = answers[0] ?? [];
  if (error) expect(wireError(answer as CarillonError)).toEqual(error);
  else expect(answer).toEqual(ok);
  expect(Buffer.from(body ?? []).toString("hex")).toBe(hex);
});

/** What an item of the vectors should become. */
function told(item: Head, take: (length: number) => Uint8Array): unknown {
  const data = typeof item["bytes"] === "number" ? take(item["bytes"]) : item["data"];
  if (item["removed"] === true) return [item["key"], "removed", item["version"]];
  if ("key" in item) return [item["key"], data, item["version"], item["owner"]];
  const payload = item["erased"] === true ? "erased" : data;
  if ("amend" in item) return ["amend", item["amend"], item["id"], payload, item["publisher"]];
  return [
    item["id"],
    payload,
    item["at"],
    item["publisher"],
    item["tags"] ?? {},
    item["meta"] ?? {},
    item["expires"],
    item["version"] ?? 1,
  ];
}

const itemPushes = readVectors("pushes").filter(
  ({ messages: [first] }) => (first?.head as Head | undefined)?.["push"] === "items",
);

test.each(itemPushes)("tells the push: $name", async ({ frame, messages }) => {
  const head = (messages[0]?.head ?? {}) as Head;
  const items = head["items"] as Head[];
  const kind = head["reset"] === true || items.some((item) => "key" in item) ? "state" : "log";
  const world = new World({ subscribe: ({ channel }) => ({ ok: { channel, kind, pos: head["prev"], live: false } }) });
  const channel = world.connect().channel(String(head["channel"]));
  const seen: unknown[] = [];
  channel.on("publication", ({ id, data, at, publisher, tags, meta, expires, version }) => {
    seen.push([id, data, at, publisher, tags, meta, expires, version]);
  });
  channel.on("tombstone", ({ id, at, publisher, tags, meta, expires, version }) => {
    seen.push([id, "erased", at, publisher, tags, meta, expires, version]);
  });
  channel.on("amend", (amendment) => {
    seen.push([
      "amend",
      amendment.id,
      amendment.amendment,
      amendment.erased ? "erased" : amendment.data,
      amendment.publisher,
    ]);
  });
  channel.on("change", (changes) => {
    for (const change of changes) {
      seen.push(
        change.removed
          ? [change.key, "removed", change.version]
          : [change.key, change.value, change.version, change.owner],
      );
    }
  });
  await world.settle();
  // A removal is told only of what was there.
  const removed = items
    .filter((item) => item["removed"] === true)
    .map(({ key }) => ({ key, version: 1, at: 1, data: 0 }));
  if (removed.length > 0)
    world.end.items(String(head["channel"]), head["prev"] as string, head["prev"] as string, removed);
  await world.settle();
  seen.length = 0;
  world.end.pushRaw(dataOf(frame));
  await world.settle();
  const body = Buffer.from(messages[0]?.body ?? "", "hex");
  let offset = 0;
  const take = (length: number): Uint8Array => new Uint8Array(body.subarray(offset, (offset += length)));
  expect(seen).toEqual(items.map((item) => told(item, take)));
  expect(channel.position).toBe(head["pos"]);
  expect(world.reported).toEqual([]);
});

test.each(readVectors("refused-frames").filter(({ messagesMax }) => messagesMax === undefined))(
  "ends the connection over: $name",
  ({ frame }) => {
    const { receive, broken } = link();
    receive(frame);
    expect(broken).toHaveLength(1);
  },
);

test.each(readVectors("spellings"))("takes another spelling: $name", ({ frame, messages }) => {
  const { receive, pushes, broken } = link();
  receive(frame);
  const isObject = (head: unknown): boolean => typeof head === "object" && head !== null && !Array.isArray(head);
  expect(broken).toHaveLength(messages.every(({ head }) => isObject(head)) ? 0 : 1);
  expect(pushes).toEqual(messages.map(({ head }) => head as Head).filter((head) => isObject(head) && "push" in head));
});

test("the vectors hold pushes of every kind that the client knows", () => {
  const kinds = readVectors("pushes").flatMap(({ messages }) => messages.map(({ head }) => (head as Head)["push"]));
  expect(new Set(kinds)).toEqual(new Set(["items", "gap", "live", "subscribed", "unsubscribed", "heartbeat", "drain"]));
});
