import type { ChatMessage } from "carillon/chat-contract";
import { describe, expect, it } from "vitest";
import { countUnread, firstUnread, newestAt, rowsOf, type ChatItem, type Row } from "./rows.ts";

const NOON = new Date(2026, 4, 4, 12).getTime();
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

function message(id: string, user: string, at: number, data: Partial<ChatMessage> = {}): ChatItem {
  return {
    type: "publication",
    key: id,
    id,
    at,
    data: { name: user, text: id, ...data },
    publisher: { user, instance: `${user}-1` },
    tags: {},
    meta: {},
    isOwn: user === "me",
    amendedAt: null,
    status: "sent",
    error: null,
    retry: () => {},
    discard: () => {},
  };
}

const gap: ChatItem = { type: "gap", key: "gap", from: "a", to: "b", reason: "epoch" };

const shown = (timeline: readonly ChatItem[], unreadSince: number | null = null, start = 0): string[] =>
  rowsOf(timeline, { start, end: timeline.length, unreadSince }).map((row: Row) =>
    row.kind === "message" ? `${row.key}${row.isFirst ? "*" : ""}` : row.kind,
  );

describe("rowsOf", () => {
  it("groups what one person says within five minutes", () => {
    const timeline = [
      message("1", "ada", NOON),
      message("2", "ada", NOON + 4 * MINUTE),
      message("3", "lin", NOON + 4 * MINUTE),
      message("4", "ada", NOON + 5 * MINUTE),
      message("5", "ada", NOON + 10 * MINUTE),
    ];
    expect(shown(timeline)).toEqual(["day", "1*", "2", "3*", "4*", "5*"]);
  });

  it("begins a group for a reply", () => {
    const replyTo = { id: "1", user: "ada", name: "ada", text: "1" };
    expect(shown([message("1", "ada", NOON), message("2", "ada", NOON, { replyTo })])).toEqual(["day", "1*", "2*"]);
  });

  it("separates days, also where the window begins", () => {
    const timeline = [message("1", "ada", NOON - DAY), message("2", "ada", NOON), message("3", "ada", NOON)];
    expect(shown(timeline)).toEqual(["day", "1*", "day", "2*", "3"]);
    expect(shown(timeline, null, 2)).toEqual(["3"]);
  });

  it("draws one line before the first message of others that is new", () => {
    const timeline = [
      message("1", "ada", NOON),
      message("2", "me", NOON + 1),
      message("3", "ada", NOON + 2),
      message("4", "ada", NOON + 3),
    ];
    expect(shown(timeline, NOON)).toEqual(["day", "1*", "2*", "unread", "3*", "4"]);
    expect(shown(timeline, NOON + 3)).toEqual(["day", "1*", "2*", "3*", "4"]);
    expect(shown(timeline, NOON, 3)).toEqual(["4"]);
  });

  it("shows gaps, and begins again behind them", () => {
    expect(shown([message("1", "ada", NOON), gap, message("2", "ada", NOON)])).toEqual([
      "day",
      "1*",
      "gap",

      "2*",
    ]);
  });
});

describe("counting what is new", () => {
  it("counts messages of others after a time, up to a bound", () => {
    const timeline = [message("1", "ada", NOON), message("2", "me", NOON + 1), message("3", "ada", NOON + 2), gap];
    expect(countUnread(timeline, NOON)).toBe(1);
    expect(countUnread(timeline, 0)).toBe(2);
    expect(countUnread(timeline, NOON + 2)).toBe(0);
    expect(
      countUnread(
        Array.from({ length: 500 }, (_, n) => message(String(n), "ada", NOON + n)),
        0,
      ),
    ).toBe(100);
    expect(firstUnread(timeline, NOON)).toBe(2);
  });

  it("takes the newest time from what the server has, not from what is on its way", () => {
    const sending = message("2", "me", NOON + DAY);
    expect(newestAt([message("1", "ada", NOON), { ...sending, status: "sending" } as ChatItem])).toBe(NOON);
    expect(newestAt([])).toBe(0);
  });
});
