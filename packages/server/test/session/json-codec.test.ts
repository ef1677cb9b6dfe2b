import { expect, it } from "vitest";
import { subscribedText } from "../../src/session/json-codec.ts";

it("a client's position is told back as it was sent, whatever characters it has", () => {
  const pos = 'a","live":true,"x":"\\';
  expect(JSON.parse(subscribedText("chat:lobby", "log", pos, false))).toEqual({
    channel: "chat:lobby",
    kind: "log",
    pos,
    live: false,
  });
});
