import { avatar, element, make } from "./element.ts";

/** One message, as the page shows it. */
export interface Message {
  readonly id: string;
  readonly user: string;
  readonly name: string;
  readonly text: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly isOwn: boolean;
}

/** Rows on the page at most: what the room's history retains. */
const ROWS_MAX = 1_000;
/** Who speaks again within this time speaks on, in milliseconds. */
const FOLLOW_MS = 300_000;
/** A reader who is so near to the end follows it, in pixels. */
const NEAR_PX = 80;

const TIME = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const DATE_TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/**
 * The messages of the room, in the order of its log. Own messages that the log does not show yet stand below, in the
 * order in which they were written, and move up when their echo comes: so everybody sees one order.
 */
export class MessageList {
  readonly #list = element("messages", HTMLOListElement);
  readonly #scroll = element("scroll", HTMLDivElement);
  readonly #empty = element("empty", HTMLParagraphElement);
  readonly #newest = element("newest", HTMLButtonElement);
  readonly #rows = new Map<string, HTMLLIElement>();
  /** Rows of own messages that the log does not show yet. */
  readonly #unconfirmed = new Map<string, HTMLLIElement>();

  constructor() {
    this.#newest.addEventListener("click", () => this.#showEnd());
    this.#scroll.addEventListener("scroll", () => {
      if (this.#isNearEnd()) this.#newest.hidden = true;
    });
  }

  /** Shows a message of the log; an own one that waited is confirmed by it. */
  add(message: Message): void {
    const waiting = message.isOwn ? this.#unconfirmed.get(message.id) : undefined;
    this.#unconfirmed.delete(message.id);
    waiting?.remove();
    this.#append(message.id, rowOf(message, message.isOwn ? "sent" : null));
  }

  /** Shows that a message was here and was erased, or has expired. */
  addGone(id: string, message: Omit<Message, "id" | "text">): void {
    const row = rowOf({ ...message, id, text: "" }, null);
    showText(row, null);
    this.#append(id, row);
  }

  /** Shows an own message that is on its way. */
  send(message: Message): void {
    const row = rowOf(message, "sending");
    this.#unconfirmed.set(message.id, row);
    this.#list.append(row);
    this.#changed(true);
  }

  /** The server has stored an own message. Its echo may have come before. */
  sent(id: string): void {
    const row = this.#unconfirmed.get(id);
    if (row) mark(row, "sent");
  }

  /** An own message was not stored, or nobody knows; `again` is called if the person wants another try. */
  failed(id: string, why: string, again: () => void): void {
    const row = this.#unconfirmed.get(id);
    if (!row) return;
    const retry = make("button", "", "Send again");
    retry.type = "button";
    retry.addEventListener("click", () => {
      this.#unconfirmed.delete(id);
      row.remove();
      again();
    });
    mark(row, "failed", why).append(retry);
    this.#changed(true);
  }

  /** Changes the text of a message, or blanks it. */
  amend(id: string, text: string | null): void {
    const row = this.#rows.get(id);
    if (row) showText(row, text);
  }

  /** Says something about what stands here, or does not. */
  note(text: string): void {
    this.#place(make("li", "note", text));
  }

  #append(id: string, row: HTMLLIElement): void {
    this.#rows.set(id, row);
    this.#place(row);
  }

  #place(row: HTMLLIElement): void {
    const [firstWaiting = null] = this.#unconfirmed.values();
    const wasNearEnd = this.#isNearEnd();
    this.#list.insertBefore(row, firstWaiting);
    follow(row);
    follow(firstWaiting);
    this.#trim();
    this.#changed(wasNearEnd);
  }

  #trim(): void {
    while (this.#list.childElementCount > ROWS_MAX + this.#unconfirmed.size) {
      const oldest = this.#list.firstElementChild;
      if (!(oldest instanceof HTMLLIElement)) return;
      oldest.remove();
      const { id } = oldest.dataset;
      if (id !== undefined && this.#rows.get(id) === oldest) this.#rows.delete(id);
      follow(this.#list.firstElementChild);
    }
  }

  #changed(isFollowing: boolean): void {
    this.#empty.hidden = this.#list.childElementCount > 0;
    if (isFollowing) this.#showEnd();
    else this.#newest.hidden = false;
  }

  #isNearEnd(): boolean {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    return scrollHeight - scrollTop - clientHeight < NEAR_PX;
  }

  #showEnd(): void {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#newest.hidden = true;
  }
}

type Status = "sending" | "sent" | "failed";

const MARKS: Readonly<Record<Status, string>> = { sending: "Sending…", sent: "Sent", failed: "" };

function rowOf(message: Message, status: Status | null): HTMLLIElement {
  const { id, user, name, text, at, isOwn } = message;
  const row = make("li", "message");
  Object.assign(row.dataset, { id, user, at: String(at) });
  if (isOwn) row.dataset["own"] = "";
  const byline = make("p", "byline");
  const time = make("time", "", TIME.format(at));
  time.dateTime = new Date(at).toISOString();
  time.title = DATE_TIME.format(at);
  byline.append(make("span", "author", name), time);
  row.append(avatar(user, name), byline, make("p", "text", text));
  if (status !== null) mark(row, status);
  return row;
}

/** Sets the mark of an own message and returns its element. */
function mark(row: HTMLLIElement, status: Status, why = ""): HTMLElement {
  row.dataset["status"] = status;
  const made = make("span", "mark", `${MARKS[status]} ${why}`.trim());
  row.querySelector(".mark")?.remove();
  row.append(made);
  return made;
}

function showText(row: HTMLLIElement, text: string | null): void {
  row
    .querySelector(".text")
    ?.replaceWith(make("p", text === null ? "text gone" : "text", text ?? "This message was removed."));
}

/** Notes on a row whether its author just goes on. */
function follow(row: Element | null): void {
  if (!(row instanceof HTMLLIElement)) return;
  const before = row.previousElementSibling;
  const isSame =
    before instanceof HTMLLIElement &&
    before.dataset["user"] === row.dataset["user"] &&
    before.querySelector(".author")?.textContent === row.querySelector(".author")?.textContent &&
    Number(row.dataset["at"]) - Number(before.dataset["at"]) < FOLLOW_MS;
  row.toggleAttribute("data-follows", isSame && row.dataset["user"] !== undefined);
}
