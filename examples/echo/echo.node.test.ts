import { describe, expect, it } from "vitest";
import { Program } from "../../test/support/program.ts";
import { freePort } from "../../test/support/serve.ts";

const serverFile = new URL("server.mjs", import.meta.url);
const clientFile = new URL("client.mjs", import.meta.url);

async function startServer() {
  const PORT = String(await freePort());
  const server = new Program({ file: serverFile, env: { PORT } });
  await server.until(/Echo is at http:\/\/localhost:\d+/);
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
    expect(await talk({ PORT }, "Hello", "Grüße, 世界")).toEqual({
      printed: ["came back: Hello", "came back: Grüße, 世界", "closed: 1000 All came back."],
      code: 0,
    });
    await server.until(/has gone: 1000/);
  });

  it("says with a code and a reason why a connection ends, and goes on", async () => {
    const { server, PORT } = await startServer();
    await using _ = server;
    const ends = [
      await talk({ PORT }, "bye"),
      await talk({ PORT }, "fail"),
      await talk({ PORT }, "x".repeat(1_025)),
      await talk({ PORT }, "x".repeat(1_024)),
    ];
    expect(ends.map(({ printed }) => printed.at(-1))).toEqual([
      "closed: 3000 You said bye.",
      "closed: 1011 The handler failed.",
      "closed: 1009",
      "closed: 1000 All came back.",
    ]);
    expect(server.stderr).toContain("You said fail.");
  });

  it("shows the error when there is no connection: another path, no server", async () => {
    const { server, PORT } = await startServer();
    const nowhere = await talk({ URL: `ws://localhost:${PORT}/nowhere` });
    expect(nowhere.printed).toEqual(["error: Unexpected server response: 404", "closed: 1006"]);
    await server[Symbol.asyncDispose]();
    const nobody = await talk({ PORT });
    expect(nobody.printed.at(0)).toMatch(/^error: .*(?:ECONNREFUSED|AggregateError)/);
    expect(nobody.printed.at(-1)).toBe("closed: 1006");
    expect([nowhere.code, nobody.code]).toEqual([1, 1]);
  });
});
