import { describe, expect, it } from "vitest";
import { UpgradeHead } from "../../src/transport/upgrade-head.ts";

const USUAL = ["Host", "a.example", "Upgrade", "websocket", "Sec-WebSocket-Key", "k", "Sec-WebSocket-Version", "13"];

describe("UpgradeHead", () => {
  it("has the headers of an upgrade, whatever the case of their names, and passes over others", () => {
    const others = ["Hos", "x", "Hosts", "x", "Cookie", "x", "Sec-WebSocket-Keys", "x", "__proto__", "x", "", "x"];
    const more = [
      "ORIGIN",
      "o",
      "connection",
      "Upgrade",
      "SEC-websocket-PROTOCOL",
      "p",
      "sec-websocket-extensions",
      "e",
    ];
    const head = new UpgradeHead([...others, ...USUAL, ...more]);
    expect(head).toMatchObject({ host: "a.example", upgrade: "websocket", key: "k", version: "13", origin: "o" });
    expect(head).toMatchObject({ connection: "Upgrade", protocols: "p", extensions: "e" });
    expect([head.repeated, head.hasBody]).toEqual([null, false]);
  });

  it("leaves absent headers undefined", () => {
    const head = new UpgradeHead([]);
    expect(new Set([head.host, head.origin, head.upgrade, head.connection, head.key])).toEqual(new Set([undefined]));
    expect(new Set([head.version, head.protocols, head.extensions])).toEqual(new Set([undefined]));
  });

  it.each(["host", "origin", "upgrade", "sec-websocket-key", "sec-websocket-version"])(
    "tells of a second %s, also of an empty one and in another case",
    (name) => {
      for (const second of ["", "x"]) {
        expect(new UpgradeHead([name, "", "Cookie", "x", name.toUpperCase(), second]).repeated).toBe(name);
      }
    },
  );

  it("joins values of headers that may be repeated, as Node does", () => {
    const head = new UpgradeHead(["Connection", "keep-alive", "Sec-WebSocket-Protocol", "a", "connection", "Upgrade"]);
    expect([head.connection, head.repeated]).toEqual(["keep-alive, Upgrade", null]);
    expect(new UpgradeHead(["Sec-WebSocket-Protocol", "a", "Sec-WebSocket-Protocol", "b"]).protocols).toBe("a, b");
  });

  it.each([
    [["Content-Length", "0"], false],
    [["Content-Length", "5"], true],
    [["Content-Length", "0", "content-length", "5"], true],
    [["Content-Length", "5", "content-length", "0"], true],
    [["Content-Length", ""], true],
    [["TRANSFER-ENCODING", "identity"], true],
  ])("with %j says that a body is announced: %j", (headers, hasBody) => {
    expect(new UpgradeHead(headers).hasBody).toBe(hasBody);
  });
});
