/** The WebSockets of the runtimes fit: that of browsers and Node >= 22, and that of `ws`. */
import { connect, type ClientPorts } from "@carillon/client";
import { WebSocket as NodeWebSocket } from "ws";

connect({ url: new URL("wss://server.test/realtime"), ticket: async () => "t", WebSocket: globalThis.WebSocket });
connect({
  url: "ws://server.test",
  ticket: () => "t",
  WebSocket: NodeWebSocket,
  headers: { origin: "https://server.test" },
});
// @ts-expect-error A ticket is a string.
connect({ url: "/realtime", ticket: () => ({ ticket: "t" }) });
// @ts-expect-error There is no entry without a ticket.
connect({ url: "/realtime" });

declare const ports: ClientPorts;
connect({ url: "/realtime", ticket: () => "t", ports });
