/** Which commands share a frame. */
import { expect, test } from "vitest";
import { welcome } from "./scripted-server.ts";
import { World } from "./world.ts";

/** A client that is connected, and has sent nothing else. */
async function connected(world: World): Promise<ReturnType<World["connect"]>> {
  world.script = { ...world.script, call: () => ({ ok: { output: null } }) };
  const client = world.connect();
  await world.settle();
  world.end.frames.length = world.end.commands.length = 0;
  return client;
}

/** How many commands each frame had; 0 for bytes. */
function lines({ end }: World): number[] {
  return end.frames.map((frame) => (typeof frame === "string" ? frame.split("\n").length : 0));
}

test("commands of one turn go out in one frame, in order", async () => {
  const world = new World();
  const client = await connected(world);
  for (const text of ["a", "b", "c"]) void client.channel("chat:lobby").publish({ text });
  void client.call("echo", null);
  expect(world.end.frames).toEqual([]);
  await world.settle();
  expect(lines(world)).toEqual([4]);
  expect(world.end.names).toEqual(["publish", "publish", "publish", "call"]);
});

test("commands of different turns do not wait for each other", async () => {
  const world = new World();
  const client = await connected(world);
  for (const text of ["a", "b"]) {
    void client.channel("chat:lobby").publish({ text });
    await world.settle();
  }
  expect(lines(world)).toEqual([1, 1]);
});

test("bytes have a frame of their own, and nothing overtakes them", async () => {
  const world = new World();
  const client = await connected(world);
  const lobby = client.channel("chat:lobby");
  void lobby.publish("a", { id: "1" });
  void lobby.publish(new Uint8Array([1, 2]), { id: "2" });
  void lobby.publish("b", { id: "3" });
  await world.settle();
  expect(lines(world)).toEqual([1, 0, 1]);
  expect(world.end.commands.map(({ publication }) => publication)).toEqual(["1", "2", "3"]);
});

test("a frame is no larger than a command may be", async () => {
  const world = new World({ connect: () => ({ ok: welcome({ limits: { messageBytes: 1_000 } }) }) });
  const client = await connected(world);
  for (let index = 0; index < 50; index++) void client.channel("chat:lobby").publish("ä".repeat(30));
  await world.settle();
  const bytes = world.end.frames.map((frame) => Buffer.byteLength(frame));
  expect(Math.max(...bytes)).toBeLessThanOrEqual(1_000);
  expect(bytes.length).toBeLessThan(50);
  expect(world.end.commands.length).toBe(50);
});

test("a command that is as large as it may be goes out alone", async () => {
  const world = new World();
  const client = await connected(world);
  const lobby = client.channel("chat:lobby");
  for (const text of ["a", "x".repeat(60_000), "b"]) void lobby.publish(text);
  await world.settle();
  expect(lines(world)).toEqual([1, 1, 1]);
});

test("a frame has fewer than 200 commands, as short as they may be", async () => {
  const world = new World();
  const client = await connected(world);
  for (let index = 0; index < 900; index++) void client.call("c", 1);
  await world.settle();
  expect(world.end.commands.length).toBe(900);
  expect(Math.max(...lines(world))).toBeLessThan(200);
  expect(world.end.frames.length).toBeLessThan(20);
});

test("what was asked for in the turn in which the client leaves is sent before it does", async () => {
  const world = new World();
  const client = await connected(world);
  const published = client
    .channel("chat:lobby")
    .publish("Bye.")
    .catch((error: unknown) => error);
  client.disconnect();
  await world.settle();
  expect(await published).toMatchObject({ code: "uncertain" });
  expect(world.end.names).toEqual(["publish"]);
});

test("what waited for the end of the turn when the connection broke goes out on the next one, once", async () => {
  const world = new World();
  const client = await connected(world);
  const first = world.end;
  const published = client.channel("chat:lobby").publish("Once.");
  first.close(1006);
  await world.settle();
  await world.advance(1_000);
  await published;
  expect(world.end).not.toBe(first);
  expect(world.end.sent("publish").length).toBe(1);
});
