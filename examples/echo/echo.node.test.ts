import { describe, expect, it } from "vitest";
import { Program } from "../../test/support/program.ts";

const serverFile = new URL("server.mjs", import.meta.url);
const clientFile = new URL("client.mjs", import.meta.url);

async function startServer() {
  const server = new Program({ file: serverFile, env: { PORT: "0" } });
  const [, PORT = ""] = await server.until(/Echo is at http:\/\/localhost:(\d+)\n/);
  return { server, PORT };
}

/** What the client prints until it ends, and how it ends. */
async function talk(env: Readonly<Record<string, string>>, ...args: readonly string[]) {
  await using client = new Program({ file: clientFile, args, env });
  const code = await client.ended;
  return { printed: client.stdout.trim().split("\n"), code };
}

describe("the echo example", () => {
  it("gives every message back to its client for Node", async () => {
    const { server, PORT } = await startServer();
    await using _ = server;
    expect(await talk({ PORT }, "Hello", "Grüße, 世界", "")).toEqual({
      printed: ["came back: Hello", "came back: Grüße, 世界", "came back: ", "closed: 1000 All came back."],
      code: 0,
    });
    await server.until(/has gone: 1000/);
  });

  it("says with a code and a reason why a connection ends, and goes on", async () => {
    const { server, PORT } = await startServer();
    await using _ = server;
    const ends = [
      await talk({ PORT }, "close 4000 bye"),
      await talk({ PORT }, "close 3999"),
      await talk({ PORT }, "close 99 no code of an application"),
      await talk({ PORT }, "fail"),
      await talk({ PORT }, "x".repeat(1_025)),
      await talk({ PORT }, "x".repeat(1_024)),
    ];
    expect(ends.map(({ printed, code }) => [printed.at(-1), code])).toEqual([
      ["closed: 4000 bye", 1],
      ["closed: 3999", 1],
      ["closed: 1011 no code of an application", 1],
      ["closed: 1011 The handler failed.", 1],
      ["closed: 1009", 1],
      ["closed: 1000 All came back.", 0],
    ]);
    expect(server.stderr).toContain("You said fail.");
  });

  it("shows the error when there is no connection: another path, no server", async () => {
    const { server, PORT } = await startServer();
    await using _ = server;
    const nowhere = await talk({ URL: `ws://localhost:${PORT}/nowhere` });
    expect(nowhere).toEqual({ printed: ["error: Unexpected server response: 404", "closed: 1006"], code: 1 });
    await server[Symbol.asyncDispose]();
    expect(await talk({ PORT })).toEqual({ printed: ["error: ECONNREFUSED", "closed: 1006"], code: 1 });
  });
});
