import { useSyncExternalStore } from "react";

/** Where the page is. */
export type Route = { readonly page: "join" } | { readonly page: "room"; readonly room: string };

/** The room that one comes to without naming one. */
export const LOBBY = "lobby";

const listeners = new Set<() => void>();
let cached: { path: string; route: Route } | null = null;

/** Reads a path: `/r/lobby` is a room, everything else the way in. */
export function routeOf(path: string): Route {
  const [, prefix, room = ""] = path.split("/");
  if (prefix !== "r" || room === "") return { page: "join" };
  return { page: "room", room: decode(room) };
}

/** The address of a room on this server. */
export function roomPath(room: string): string {
  return `/r/${encodeURIComponent(room)}`;
}

/** Goes to a path; `isReplaced` leaves no step to come back to. */
export function navigate(path: string, { isReplaced = false }: { readonly isReplaced?: boolean } = {}): void {
  if (isReplaced) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  for (const listener of listeners) listener();
}

/** Follows where the page is. */
export function useRoute(): Route {
  return useSyncExternalStore(subscribe, current);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    removeEventListener("popstate", listener);
  };
}

function current(): Route {
  const path = location.pathname;
  if (cached?.path !== path) cached = { path, route: routeOf(path) };
  return cached.route;
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
