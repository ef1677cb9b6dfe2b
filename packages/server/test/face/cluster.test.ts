import { expect, test } from "vitest";
import { startServer } from "../support.ts";

test("whether a user is connected is known also when the list of its connections is too long to be told", async () => {
  const subscribe = Array.from({ length: 800 }, (_, index) => `chat:${"x".repeat(90)}${index}`);
  await using server = await startServer({ connected: () => ({ subscribe }) });
  const peer = await server.enter("ada");
  const { cluster } = server.carillon;
  await expect.poll(() => server.carillon.metrics.subscriptions).toBe(800);
  expect(await cluster.isConnected("ada")).toBe(true);
  expect(await cluster.isConnected("bob")).toBe(false);
  const { connections, missing, isComplete } = await cluster.connections("ada");
  // Whoever could not say is named like those who did not.
  expect({ connections, missing, isComplete }).toEqual({
    connections: [],
    missing: [await cluster.self()],
    isComplete: false,
  });
  peer.socket.close();
});
