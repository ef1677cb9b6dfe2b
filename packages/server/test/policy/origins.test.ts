import { describe, expect, it } from "vitest";
import { OriginList, ownOrigins, parseOrigin, parseOriginList } from "../../src/policy/origins.ts";

describe("the list of origins", () => {
  const list = new OriginList(["https://app.example.com", "http://localhost:3000"]);

  it("lets in exactly what is listed, and requests without an origin", () => {
    expect(list.allows("https://app.example.com")).toBe(true);
    expect(list.allows("http://localhost:3000")).toBe(true);
    expect(list.allows(null)).toBe(true);
  });

  it.each([
    ["the allowed host as a prefix", "https://app.example.com.evil.example"],
    ["the allowed host as a suffix", "https://evilapp.example.com"],
    ["the allowed host in the middle", "https://x.app.example.com.evil"],
    ["a subdomain", "https://sub.app.example.com"],
    ["the parent domain", "https://example.com"],
    ["another scheme", "http://app.example.com"],
    ["another port", "https://app.example.com:8443"],
    ["the scheme's own port, which browsers leave out", "https://app.example.com:443"],
    ["upper case, which browsers never send", "https://APP.example.com"],
    ["user information", "https://app.example.com@evil.example"],
    ["user information before the allowed host", "https://evil@app.example.com"],
    ["a path", "https://app.example.com/"],
    ["a dot at the end", "https://app.example.com."],
    ["an IP address", "https://203.0.113.7"],
    ["the opaque origin", "null"],
    ["nothing", ""],
    ["two origins", "https://app.example.com https://evil.example"],
    ["two origins with a comma", "https://app.example.com, https://app.example.com"],
    ["white space", " https://app.example.com"],
    ["a name of Object.prototype", "__proto__"],
    ["an extension", "chrome-extension://abcdefgh"],
  ])("refuses %s", (_what, origin) => {
    expect(list.allows(origin)).toBe(false);
  });

  it("lets in the opaque origin when it is listed", () => {
    expect(new OriginList(["null"]).allows("null")).toBe(true);
  });

  it("lets in no page when it is empty", () => {
    expect(new OriginList([]).allows("http://localhost")).toBe(false);
  });
});

describe("an origin of the configuration", () => {
  it.each([
    ["https://App.Example.com", "https://app.example.com"],
    ["HTTPS://app.example.com:443", "https://app.example.com"],
    ["http://localhost:80/", "http://localhost"],
    ["http://[::1]:3000", "http://[::1]:3000"],
    ["https://bücher.example", "https://xn--bcher-kva.example"],
    [" http://10.0.0.1:8080 ", "http://10.0.0.1:8080"],
  ])("%s is normalised to what browsers send", (text, origin) => {
    expect(parseOrigin(text)).toBe(origin);
  });

  it.each([
    "app.example.com",
    "*",
    "https://*.example.com/x",
    "https://app.example.com/path",
    "https://app.example.com?x",
    "https://user@app.example.com",
    "https://app.example.com:99999",
    "file:///index.html",
    "https://",
    "javascript:alert(1)",
    "",
  ])("%j is refused with a sentence", (text) => {
    expect(() => parseOrigin(text)).toThrow(/^Expected an origin like/);
  });

  it("can be one of a list with commas", () => {
    expect(parseOriginList("https://a.example, http://b.example:81,,")).toEqual([
      "https://a.example",
      "http://b.example:81",
    ]);
    expect(parseOriginList("")).toEqual([]);
  });
});

describe("a server's own origins", () => {
  it("are its loopback names and its host on its port", () => {
    expect(ownOrigins("127.0.0.1", 3000)).toEqual([
      "http://localhost:3000",
      "http://127.0.0.1:3000",
      "http://[::1]:3000",
    ]);
    expect(ownOrigins("chat.lan", 80)).toContain("http://chat.lan");
    expect(ownOrigins("fd00::7", 3000)).toContain("http://[fd00::7]:3000");
  });

  it("do not have the address that stands for all addresses", () => {
    expect(ownOrigins("0.0.0.0", 3000)).toEqual(ownOrigins("localhost", 3000));
    expect(ownOrigins("::", 3000)).toEqual(ownOrigins("localhost", 3000));
  });
});
