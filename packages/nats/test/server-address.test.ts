import { describe, expect, it } from "vitest";
import { serverOptions } from "../src/server-address.ts";

describe("addresses of NATS servers", () => {
  it.each([
    ["127.0.0.1:4333", { servers: ["127.0.0.1:4333"] }],
    ["nats://one, two:4223", { servers: ["one:4222", "two:4223"] }],
    ["nats://[::1]:4222", { servers: ["[::1]:4222"] }],
    ["tls://one/", { servers: ["one:4222"], tls: {} }],
    ["nats://ada:s%40cret@one:4222", { servers: ["one:4222"], user: "ada", pass: "s@cret" }],
    ["nats://token@one", { servers: ["one:4222"], token: "token" }],
  ])("reads %s, and keeps secrets out of what is printed", (text, options) => {
    expect(serverOptions(text)).toEqual(options);
  });

  it.each(["", "http://one", "nats://", "nats://ada:secret@one:port", "nats://ada:secret@one/path"])(
    "refuses %j in a sentence that shows no secret",
    (text) => {
      expect(() => serverOptions(text)).toThrow(/^Expected each server to be like 127\.0\.0\.1:4222, /);
      expect(() => serverOptions(text)).not.toThrow(/secret/);
    },
  );
});
