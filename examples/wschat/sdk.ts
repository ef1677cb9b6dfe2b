import { connect } from "@carillon/client";
import type { contract } from "./contract.mjs";

const name = new URLSearchParams(location.search).get("name") || "Anonymous";
const form = document.querySelector("form")!;
const input = document.querySelector("input")!;
const state = document.querySelector("output")!;
const messages = document.querySelector("ol")!;

const client = connect<typeof contract>({
  url: "/realtime",
  ticket: () => fetch("/ticket", { method: "POST" }).then((response) => response.text()),
});
client.on("state", (change) => {
  state.value = change.state === "connected" ? `connected as ${name}` : change.state;
});

const main = client.channel("wschat:main");
main.on("publication", ({ data }) => show(`${data.name}: ${data.msg}`));
main.on("gap", () => show("(some messages are lost)"));
// The last 20 messages to begin with; after a drop, whatever was missed.
void main.subscribe({ history: 20 });

form.addEventListener("submit", (event) => {
  event.preventDefault();
  // Sent when there is a connection again, once and in order; the page need not care.
  main.publish({ name, msg: input.value }).catch((error: unknown) => show(`(not sent: ${String(error)})`));
  input.value = "";
});

function show(text: string): void {
  const item = document.createElement("li");
  // Never innerHTML: what others have written is text, whatever it looks like.
  item.textContent = text;
  messages.append(item);
  item.scrollIntoView({ block: "end" });
}
