import { element } from "./element.ts";
import { enterRoom } from "./room.ts";

const join = element("join", HTMLElement);
const form = element("join-form", HTMLFormElement);
const field = element("name", HTMLInputElement);
const room = element("room", HTMLDivElement);

/** Shows the way in; `why` tells what was wrong with the name before. */
function ask(before: string, why: string): void {
  room.hidden = true;
  join.hidden = false;
  element("join-problem", HTMLParagraphElement).textContent = why;
  field.value = before;
  field.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = field.value.trim();
  // The name stands in the address, so that a reload goes straight in; and a client that was refused is gone with its page.
  if (name !== "") location.search = new URLSearchParams({ name }).toString();
});

const name = new URLSearchParams(location.search).get("name")?.trim() ?? "";
if (name === "") ask("", "");
else {
  room.hidden = false;
  enterRoom(name, (why) => ask(name, why));
}
