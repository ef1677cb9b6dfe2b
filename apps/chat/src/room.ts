import { CarillonError, connect, type Amendment, type Publication, type Tombstone } from "@carillon/client";
import type { ChatContract, ChatMessage } from "carillon/chat-contract";
import { element } from "./element.ts";
import { MessageList } from "./message-list.ts";
import { PeopleList } from "./people-list.ts";
import { StatusLine } from "./status-line.ts";
import { guestTicket } from "./ticket.ts";

/** Messages that are shown from before one came in. */
const HISTORY = 200;

/** What is said where messages are missing. */
const GAP_WORDS: ReadonlyMap<string, string> = new Map([
  ["trimmed", "You were away for long. Older messages are no longer kept."],
  ["epoch", "The room has started anew. Messages from before may be missing here."],
  ["rollback", "The room has lost some of its messages. What stood here may be missing."],
]);

/** Enters the room under a name. `refused` is told why the server does not let anybody in under it. */
export function enterRoom(name: string, refused: (why: string) => void): void {
  const client = connect<ChatContract>({ url: "/realtime", ticket: () => guestTicket(name) });
  const lobby = client.channel("chat:lobby");
  const messages = new MessageList();
  const people = new PeopleList();
  const status = new StatusLine(() => client.connect());
  const showStatus = (error?: CarillonError): void => status.show(client.state, lobby.isLive, error);

  client.on("state", ({ state, error }) => {
    if (state === "disconnected" && client.user === null) refused(error?.message ?? "The server can't be reached.");
    showStatus(error);
    showPeople();
  });
  lobby.on("state", () => showStatus());
  lobby.on("live", () => showStatus());

  const authorOf = ({ publisher, at }: Publication | Tombstone): { user: string; at: number; isOwn: boolean } => {
    const user = publisher?.user ?? "";
    return { user, at, isOwn: user === client.user };
  };
  lobby.on("publication", (publication) => {
    const { id, data } = publication;
    messages.add({ id, ...data, ...authorOf(publication) });
  });
  lobby.on("tombstone", (tombstone) => messages.addGone(tombstone.id, { name: "Somebody", ...authorOf(tombstone) }));
  lobby.on("amend", (amendment: Amendment<ChatMessage>) => {
    messages.amend(amendment.id, amendment.erased ? null : amendment.data.text);
  });
  lobby.on("gap", ({ reason }) => messages.note(GAP_WORDS.get(reason) ?? "Some messages are missing here."));
  void lobby.subscribe({ history: HISTORY });

  const showPeople = (): void => {
    const members = lobby.presence.members;
    people.show(
      members.map(({ user, info }) => ({ user, name: info.name })),
      client.user,
    );
  };
  lobby.presence.on("change", showPeople);
  // It is repeated on every connection; it fails for good only together with the connection, which the status tells.
  lobby.presence.enter({ name }).catch(() => {});

  const say = (text: string): void => {
    const id = newId();
    messages.send({ id, user: client.user ?? "", name, text, at: Date.now(), isOwn: true });
    lobby.publish({ text, name }, { id }).then(
      () => messages.sent(id),
      (error: unknown) => messages.failed(id, sentenceOf(error), () => say(text)),
    );
  };
  composer(say);
}

/** 128 random bits; `crypto.randomUUID` is missing where a page came over plain HTTP from another machine. */
function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function sentenceOf(error: unknown): string {
  if (!(error instanceof CarillonError)) return "Not sent. Something went wrong.";
  return error.code === "uncertain" ? "Perhaps not sent: nobody knows." : `Not sent. ${error.message}`;
}

/** Enter sends, Shift+Enter breaks the line. */
function composer(say: (text: string) => void): void {
  const form = element("composer", HTMLFormElement);
  const field = element("text", HTMLTextAreaElement);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = field.value.trim();
    field.value = "";
    field.focus();
    if (text !== "") say(text);
  });
  field.addEventListener("keydown", (event) => {
    // While an input method composes a word, Enter chooses it.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  field.focus();
}
