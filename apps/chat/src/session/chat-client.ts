import { CarillonError, connect, type Client } from "@carillon/client";
import type { ChatContract } from "carillon/chat-contract";
import { profile } from "./profile.ts";

/** What people are called who have not said it yet: those on the page where one comes in. */
const NAMELESS = "Guest";

/** Opens the connection of this page. The server knows the browser by its cookie, so messages stay one's own. */
export function openClient(): Client<ChatContract> {
  return connect<ChatContract>({ url: "/realtime", ticket: fetchTicket });
}

async function fetchTicket(): Promise<string> {
  const response = await fetch("/ticket", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name: profile.get()?.name ?? NAMELESS }),
  });
  if (response.ok) return response.text();
  const message = await problemOf(response);
  const seconds = Number(response.headers.get("Retry-After") ?? Number.NaN);
  // Too many requests and a server that starts or leaves pass by themselves; a refusal doesn't.
  const isPassing = response.status === 429 || response.status >= 500;
  throw new CarillonError(isPassing ? "unavailable" : "ticket_refused", message, {
    retry: isPassing,
    ...(seconds > 0 ? { retryAfterMs: 1_000 * seconds } : {}),
  });
}

/** The server's own sentence, if it gave one. */
async function problemOf(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const error: unknown = typeof body === "object" && body !== null && "error" in body ? body.error : null;
  const message: unknown = typeof error === "object" && error !== null && "message" in error ? error.message : null;
  return typeof message === "string" ? message : `The server answered ${response.status}.`;
}
