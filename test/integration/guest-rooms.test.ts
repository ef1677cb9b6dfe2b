import { CarillonError } from "@carillon/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ChatSpeaker } from "../support/chat-speaker.ts";
import { ServerProcess } from "../support/server-process.ts";

/** The real command, and guests who open rooms without end. */
describe("rooms of guests", () => {
  let server: ServerProcess;
  const guests: ChatSpeaker[] = [];

  beforeAll(async () => {
    server = await ServerProcess.start();
  });

  afterAll(async () => {
    for (const guest of guests) guest.close();
    await server.kill();
  });

  /** Somebody new. */
  function come(name: string): ChatSpeaker {
    const guest = new ChatSpeaker(server.url, name);
    guests.push(guest);
    return guest;
  }

  /** Codes of the refusals, empty for what was allowed. */
  async function enter({ client }: ChatSpeaker, rooms: readonly string[]): Promise<string[]> {
    const codes: string[] = [];
    for (const room of rooms) {
      const channel = client.channel("chat:{room}", { room });
      channel.on("error", () => {});
      const error: unknown = await channel.subscribe().then(
        () => null,
        (reason: unknown) => reason,
      );
      codes.push(error instanceof CarillonError ? error.code : "");
    }
    return codes;
  }

  test("are bounded, whatever way they are opened, and others are not in the way", async () => {
    const ada = come("Ada");
    const rooms = Array.from({ length: 51 }, (_, index) => `ada-${index}`);
    const codes = await enter(ada, rooms);
    expect(codes.filter((code) => code === "")).toHaveLength(50);
    expect(codes.at(-1)).toBe("room.limit");
    await expect(ada.client.call("room.create", { title: "One more" })).rejects.toMatchObject({ code: "room.limit" });
    const react = { message: "m1", emoji: "🔔", isGiven: true, name: "Ada" };
    await expect(ada.client.call("message.react", { ...react, room: "elsewhere" })).rejects.toMatchObject({
      code: "room.limit",
    });
    await ada.client.call("message.react", { ...react, room: "lobby" });
    expect(await enter(ada, ["lobby"])).toEqual([""]);
    // Where somebody is, or something was said, anybody may go.
    const bob = come("Bob");
    await bob.client.channel("chat:bobs").publish({ name: "Bob", text: "Come in." });
    expect(await enter(ada, ["bobs", "nobodys"])).toEqual(["", "room.limit"]);
  });
});
