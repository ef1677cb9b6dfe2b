import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { startServer } from "../support.ts";

const folder = resolve(import.meta.dirname, "../../../protocol/vectors");

interface Frame {
  readonly text?: string;
  readonly hex?: string;
}

interface Vector {
  readonly name: string;
  readonly frame: Frame;
  readonly code?: string;
  readonly messagesMax?: number;
  readonly messages?: readonly { readonly head: { readonly cmd?: string; readonly id?: number } }[];
}

function vectors(name: string): readonly Vector[] {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as readonly Vector[];
}

function bytesOf({ text, hex }: Frame): string | Buffer {
  return text ?? Buffer.from(hex ?? "", "hex");
}

const isConnect = ({ frame }: Vector): boolean => frame.text?.includes('"connect"') === true;

test.each(vectors("refused-commands").filter(isConnect))("a connection ends after $name", async ({ frame, code }) => {
  await using server = await startServer();
  const peer = await server.open();
  peer.socket.send(bytesOf(frame));
  await expect(peer.next((message) => "re" in message)).resolves.toMatchObject({ error: { code } });
  await expect(peer.closed).resolves.toMatchObject({ code: 4502 });
});

const refused = vectors("refused-commands").filter((vector) => !isConnect(vector));

test.each(refused)("a session refuses $name and lives on", async ({ frame, code }) => {
  await using server = await startServer();
  const peer = await server.enter();
  const from = peer.received.length;
  peer.socket.send(bytesOf(frame));
  const reply = await peer.next((message) => "re" in message && peer.received.indexOf(message) >= from);
  expect(reply).toMatchObject({ error: { code } });
  await expect(peer.ok({ cmd: "ping" })).resolves.toEqual({});
});

test.each(vectors("refused-frames").filter(({ messagesMax }) => messagesMax === undefined))(
  "a session closes with protocol_error after a frame with $name",
  async ({ frame }) => {
    await using server = await startServer();
    const peer = await server.enter();
    peer.socket.send(bytesOf(frame));
    await expect(peer.closed).resolves.toMatchObject({ code: 4502 });
  },
);

const commands = vectors("commands").filter(
  ({ messages }) => messages?.every(({ head }) => head.cmd !== "connect") === true,
);

test.each(commands)("a session understands $name", async ({ frame, messages = [] }) => {
  await using server = await startServer();
  const peer = await server.enter();
  const from = peer.received.length;
  peer.socket.send(bytesOf(frame));
  for (const { head } of messages) {
    if (head.id === undefined) continue;
    const reply = await peer.next((message) => message["re"] === head.id && peer.received.indexOf(message) >= from);
    // The vectors name channels and calls of their own, so some are refused: but never as malformed or unknown.
    expect(["bad_message", "unknown_command"]).not.toContain((reply["error"] as { code?: string } | undefined)?.code);
  }
  await expect(peer.ok({ cmd: "ping" })).resolves.toEqual({});
});
