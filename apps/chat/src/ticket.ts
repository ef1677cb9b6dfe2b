import { CarillonError } from "@carillon/client";

/** A server that has not answered by then has not got the request, in milliseconds; the client asks again. */
const ANSWER_MS = 10_000;

/** Asks the server for a guest's ticket. Throws a `CarillonError` that does not ask to retry when another try won't help. */
export async function guestTicket(name: string): Promise<string> {
  const response = await fetch("/ticket", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ name }),
    signal: AbortSignal.timeout(ANSWER_MS),
  });
  const text = await response.text();
  if (response.ok) return text;
  const isPassing = response.status === 429 || response.status >= 500;
  const waitS = Number(response.headers.get("Retry-After") ?? 0);
  throw new CarillonError("ticket_refused", sentenceOf(text), {
    retry: isPassing,
    ...(waitS > 0 ? { retryAfterMs: waitS * 1_000 } : {}),
  });
}

/** What the server says about its refusal: `{"error": {"message": …}}`. */
function sentenceOf(text: string): string {
  try {
    const answer: unknown = JSON.parse(text);
    const error = field(answer, "error");
    const message = field(error, "message");
    if (typeof message === "string") return message;
  } catch {
    // Something between us and the server has answered in its own words, which are not for people.
  }
  return "The server gave no ticket.";
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
