import { createElement as h } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import {
  CarillonProvider,
  Stage,
  useCall,
  useChannel,
  useConnection,
  useHistory,
  usePresence,
  useStateChannel,
} from "./stage.ts";

const Page = () => {
  const { state } = useConnection();
  const { publications, publish } = useChannel("chat:lobby", { history: 50 });
  const { timeline, hasMore } = useHistory("chat:lobby");
  const { users } = usePresence("chat:lobby", { info: { name: "Ada" } });
  const { entries } = useStateChannel("typing");
  const { isPending } = useCall("room.create");
  const counts = [publications.length, timeline.length, users.length, entries.size];
  return h("p", null, [state, ...counts, hasMore, isPending, typeof publish].join(" "));
};
const HTML = "<p>connecting 0 0 0 0 true false function</p>";

test("a page renders on a server that has no client", () => {
  expect(globalThis.window).toBeUndefined();
  expect(renderToString(h(CarillonProvider, { client: null }, h(Page)))).toBe(HTML);
});

test("a page renders on a server with a client, which is not asked for anything", async () => {
  const stage = await Stage.open();
  const client = stage.client("ada");
  expect(renderToString(h(CarillonProvider, { client }, h(Page)))).toBe(HTML);
  expect(client.channel("chat:lobby").state).toBe("unsubscribed");
  await stage.close();
});

test("a hook outside of a provider says what it needs", () => {
  expect(() => renderToString(h(Page))).toThrow("Expected a CarillonProvider");
});
