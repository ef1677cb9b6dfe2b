import { describe, expect, test } from "vitest";
import { parseCommand } from "../src/arguments.ts";
import { describeStore } from "../src/store-choice.ts";
import { UsageError } from "../src/usage-error.ts";

const DEFAULTS = {
  host: "127.0.0.1",
  port: 3000,
  store: { kind: "folder", folder: "data" },
  drainMs: 1_000,
  trustProxy: 0,
  origins: [],
  guestKey: null,
  openEcho: false,
  openRaw: [],
};

describe("the command line", () => {
  test("says start or serve, with defaults that are open to this machine alone", () => {
    expect(parseCommand(["start"], {})).toEqual({ name: "start", ...DEFAULTS });
    expect(parseCommand(["serve"], {})).toEqual({
      name: "serve",
      ...DEFAULTS,
      store: { kind: "memory" },
    });
  });

  test("wins over the environment, which wins over the defaults", () => {
    const env = {
      HOST: "0.0.0.0",
      PORT: "8080",
      CARILLON_DATA: "/data",
      CARILLON_TRUST_PROXY: "2",
      CARILLON_DRAIN: "250ms",
      CARILLON_ORIGINS: "https://a.test, http://B.test:81/",
    };
    const fromEnv = {
      ...DEFAULTS,
      host: "0.0.0.0",
      port: 8080,
      store: { kind: "folder", folder: "/data" },
      drainMs: 250,
      trustProxy: 2,
      origins: ["https://a.test", "http://b.test:81"],
    };
    expect(parseCommand(["start"], env)).toEqual({ name: "start", ...fromEnv });
    const args = ["serve", "--host", "::1", "--port=0", "--data", "here", "--trust-proxy", "1"];
    const fromArgs = { host: "::1", port: 0, store: { kind: "folder", folder: "here" }, trustProxy: 1 };
    expect(parseCommand(args, env)).toEqual({ name: "serve", ...fromEnv, ...fromArgs });
  });

  test("keeps what must last in a folder, or nothing at all if that is asked for", () => {
    const memory = { store: { kind: "memory" } };
    expect(parseCommand(["start"], { CARILLON_DATA: ":memory:" })).toMatchObject(memory);
    expect(parseCommand(["start", "--data", ":memory:"], { CARILLON_DATA: "/data" })).toMatchObject(memory);
    const folder = { store: { kind: "folder", folder: "/data" } };
    expect(parseCommand(["serve"], { CARILLON_DATA: "/data" })).toMatchObject(folder);
  });

  test("keeps it in a broker that other servers share, with a name, and then takes more time to leave", () => {
    const url = "redis://ada:secret@10.0.0.5:6379/2";
    const shared = { store: { kind: "redis", url, name: "carillon" }, drainMs: 5_000 };
    expect(parseCommand(["start", "--redis", url], {})).toMatchObject(shared);
    expect(parseCommand(["serve"], { CARILLON_REDIS: url })).toMatchObject(shared);
    const servers = "nats://a:4222, tls://b, 127.0.0.1:4223";
    expect(parseCommand(["start", "--nats", servers, "--name", "chat_1", "--drain=2m"], {})).toMatchObject({
      store: { kind: "nats", url: servers, name: "chat_1" },
      drainMs: 120_000,
    });
    const env = { CARILLON_NATS: servers, CARILLON_NAME: "chat" };
    expect(parseCommand(["start"], env)).toMatchObject({ store: { kind: "nats", url: servers, name: "chat" } });
  });

  test("says by itself where things are kept, whatever the environment says", () => {
    const env = { CARILLON_REDIS: "redis://a", CARILLON_NAME: "b" };
    expect(parseCommand(["start", "--data", "here"], env)).toMatchObject({ store: { kind: "folder", folder: "here" } });
    expect(parseCommand(["start", "--nats", "c"], env)).toMatchObject({ store: { kind: "nats", url: "c", name: "b" } });
  });

  test("takes the key for the cookies of guests from the environment, where others do not see it", () => {
    const key = "A".repeat(43);
    expect(parseCommand(["start"], { CARILLON_GUEST_KEY: key })).toMatchObject({ guestKey: Buffer.alloc(32) });
  });

  test("takes a variable that is set to nothing for one that is not set", () => {
    const env = { HOST: "", PORT: "", CARILLON_DATA: "", CARILLON_TRUST_PROXY: "", CARILLON_ORIGINS: "" };
    expect(parseCommand(["start"], env)).toEqual({ name: "start", ...DEFAULTS });
  });

  test("opens what is named, once, and only on serve", () => {
    const args = ["serve", "--open-echo", "--open-raw", "bench:all", "--open-raw=a:b", "--open-raw", "a:b"];
    expect(parseCommand(args, {})).toMatchObject({ openEcho: true, openRaw: ["bench:all", "a:b"] });
    expect(() => parseCommand(["start", "--open-echo"], {})).toThrow(UsageError);
    expect(() => parseCommand(["start", "--open-raw", "a:b"], {})).toThrow(UsageError);
  });

  test("asks for help and for the version wherever that stands", () => {
    expect(parseCommand(["--help"], {})).toEqual({ name: "help" });
    expect(parseCommand(["start", "-h"], { PORT: "nonsense" })).toEqual({ name: "help" });
    expect(parseCommand(["--version"], {})).toEqual({ name: "version" });
  });

  test.each([
    ["no command", [], {}, /Expected a command: start or serve/],
    ["an unknown command", ["sing"], {}, /Unknown command "sing"/],
    ["an argument too many", ["serve", "--open-raw", "a:b", "c:d"], {}, /Unexpected argument "c:d"/],
    ["an unknown option", ["start", "--loud"], {}, /Unknown option '--loud'/],
    ["an option without its value", ["start", "--port"], {}, /--port/],
    ["a port that is a word", ["start", "--port", "high"], {}, /--port: expected a port from 0 to 65535, got "high"/],
    ["a port that is too high", ["start"], { PORT: "65536" }, /PORT: expected a port from 0 to 65535/],
    ["a negative port", ["start", "--port=-1"], {}, /expected a port/],
    ["a data folder without a name", ["start", "--data="], {}, /--data: expected a folder, or :memory:\./],
    ["two brokers", ["start", "--redis", "redis://a", "--nats", "b"], {}, /^--redis and --nats exclude each other: /],
    ["a broker and a folder", ["start", "--redis", "redis://a", "--data", "b"], {}, /^--data and --redis exclude/],
    [
      "two brokers in the environment",
      ["start"],
      { CARILLON_DATA: "a", CARILLON_NATS: "b" },
      /^CARILLON_DATA and CARILLON_NATS exclude each other/,
    ],
    ["a URL that is none", ["start", "--redis", "10.0.0.5:6379"], {}, /^--redis: expected a URL like redis:/],
    ["a database that is none", ["start"], { CARILLON_REDIS: "redis://a/b" }, /^CARILLON_REDIS: expected a URL like/],
    ["another scheme", ["start", "--nats", "http://a"], {}, /^--nats: expected a URL like nats:/],
    ["a name that streams can't have", ["start"], { CARILLON_NATS: "a", CARILLON_NAME: "a.b" }, /^CARILLON_NAME: /],
    ["a name without a cluster", ["start", "--name", "a"], {}, /^--name is the name of a cluster: expected --redis/],
    ["a time without a unit", ["start", "--drain", "5"], {}, /^--drain: expected a time up to ten minutes, .* got "5"/],
    ["a time that is too long", ["start"], { CARILLON_DRAIN: "11m" }, /^CARILLON_DRAIN: expected a time/],
    ["half a key", ["start"], { CARILLON_GUEST_KEY: "AAAA" }, /^CARILLON_GUEST_KEY: expected 32 bytes/],
    ["proxies by address", ["start"], { CARILLON_TRUST_PROXY: "10.0.0.1" }, /CARILLON_TRUST_PROXY: expected how many/],
    ["too many proxies", ["start", "--trust-proxy", "11"], {}, /--trust-proxy: expected how many .* 0 to 10, got "11"/],
    ["an origin that is none", ["start"], { CARILLON_ORIGINS: "*" }, /CARILLON_ORIGINS: Expected an origin like/],
  ])("refuses %s in one sentence", (_, args, env, message) => {
    const parse = (): unknown => parseCommand(args, env);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });

  test.each([
    ["--redis", "redis://ada:secret@host:port"],
    ["--redis", "http://ada:secret@host"],
    ["--nats", "nats://ada:secret@host/path"],
    ["--nats", "nats://ada:secret@host:port"],
  ])("refuses a %s that is none without showing the password in it", (option, url) => {
    const parse = (): unknown => parseCommand(["start", option, url], {});
    expect(parse).toThrow(UsageError);
    expect(parse).not.toThrow(/secret/);
  });

  test.each([
    ["--redis", "redis://ada:secret@10.0.0.5:6380/2", "Everything is kept in Redis at 10.0.0.5:6380, cluster carillon"],
    ["--nats", "nats://secret@a:4222,b", "Everything is kept in NATS at a:4222, b, cluster carillon"],
    ["--data", ":memory:", "Everything is kept in memory, and ends with the server"],
  ])("is repeated for the terminal, %s without secrets", (option, value, sentence) => {
    const command = parseCommand(["start", option, value], {});
    expect("store" in command && describeStore(command.store)).toBe(sentence);
  });
});
