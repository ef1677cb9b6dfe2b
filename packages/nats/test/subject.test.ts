import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeToken, isPrefix, namespaceOf, Names } from "../src/subject.ts";

describe("names for NATS", () => {
  test("a channel is one token: no dot, wildcard, space or line break of its name gets through", () => {
    for (const name of ["a.b", "*", ">", "a b", "a\r\nPUB x 1", "a\tb", "=", "ü", "🔔", ""])
      expect(encodeToken(name)).toMatch(/^[A-Za-z0-9_:@~+=-]*$/);
    expect(encodeToken("chat:a.b")).toBe("chat:a=2eb");
  });

  test("different names give different tokens", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        expect(encodeToken(one) === encodeToken(other)).toBe(one === other);
      }),
    );
    expect(encodeToken("a=2eb")).not.toBe(encodeToken("a.b"));
  });

  test("a namespace is the first segment; a channel of presence has one of its own", () => {
    expect(["chat:lobby", "chat", "chat:a:b", "@presence:chat:lobby"].map(namespaceOf)).toEqual([
      "chat",
      "chat",
      "chat",
      "@presence",
    ]);
  });

  test("what is repeated goes where the channel's subject says, below the application's own name", () => {
    const names = new Names("app");
    const subject = names.channel("log", "chat:a.b");
    expect(subject).toBe("app.log.chat.chat:a=2eb");
    expect(names.live(subject)).toBe("app.live.log.chat.chat:a=2eb");
    expect(names.channels("log", "chat")).toBe("app.log.chat.*");
    expect(names.stream("log", "chat")).toBe("app_log_chat");
  });

  test("the application's own name is refused where NATS would read more into it", () => {
    for (const name of ["", "a.b", "a*", "a b", "x".repeat(33)]) expect(isPrefix(name)).toBe(false);
    expect(isPrefix("carillon-2_b")).toBe(true);
  });
});
