import { describe, expect, test } from "vitest";
import { parseCommand, UsageError } from "../src/arguments.ts";

const DEFAULTS = {
  host: "127.0.0.1",
  port: 3000,
  data: "data",
  trustProxy: 0,
  origins: [],
  openEcho: false,
  openRaw: [],
};

describe("the command line", () => {
  test("says start or serve, with defaults that are open to this machine alone", () => {
    expect(parseCommand(["start"], {})).toEqual({ name: "start", ...DEFAULTS });
    expect(parseCommand(["serve"], {})).toEqual({ name: "serve", ...DEFAULTS, data: null });
  });

  test("wins over the environment, which wins over the defaults", () => {
    const env = {
      HOST: "0.0.0.0",
      PORT: "8080",
      CARILLON_DATA: "/data",
      CARILLON_TRUST_PROXY: "2",
      CARILLON_ORIGINS: "https://a.test, http://B.test:81/",
    };
    const fromEnv = {
      ...DEFAULTS,
      host: "0.0.0.0",
      port: 8080,
      data: "/data",
      trustProxy: 2,
      origins: ["https://a.test", "http://b.test:81"],
    };
    expect(parseCommand(["start"], env)).toEqual({ name: "start", ...fromEnv });
    const args = ["serve", "--host", "::1", "--port=0", "--data", "here", "--trust-proxy", "1"];
    const fromArgs = { host: "::1", port: 0, data: "here", trustProxy: 1 };
    expect(parseCommand(args, env)).toEqual({ name: "serve", ...fromEnv, ...fromArgs });
  });

  test("keeps what must last in a folder, or nothing at all if that is asked for", () => {
    expect(parseCommand(["start"], { CARILLON_DATA: ":memory:" })).toMatchObject({ data: null });
    expect(parseCommand(["start", "--data", ":memory:"], { CARILLON_DATA: "/data" })).toMatchObject({ data: null });
    expect(parseCommand(["serve"], { CARILLON_DATA: "/data" })).toMatchObject({ data: "/data" });
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
    ["proxies by address", ["start"], { CARILLON_TRUST_PROXY: "10.0.0.1" }, /CARILLON_TRUST_PROXY: expected how many/],
    ["too many proxies", ["start", "--trust-proxy", "11"], {}, /--trust-proxy: expected how many .* 0 to 10, got "11"/],
    ["an origin that is none", ["start"], { CARILLON_ORIGINS: "*" }, /CARILLON_ORIGINS: Expected an origin like/],
  ])("refuses %s in one sentence", (_, args, env, message) => {
    const parse = (): unknown => parseCommand(args, env);
    expect(parse).toThrow(UsageError);
    expect(parse).toThrow(message);
    expect(parse).not.toThrow(/\n/);
  });
});
