/**
 * Channel names, keys and ids: what is well formed. Everything that comes from outside passes here once, before it
 * becomes the key of a Map, a part of a store's key or a line of a log. The alphabet has no character with a meaning
 * to Redis, NATS, a file system, a URL path or a log line, so nothing needs escaping later.
 */

/** Most characters (and bytes: they are ASCII) in a channel name. */
export const CHANNEL_NAME_MAX = 200;
/** Most characters in a key of a state channel. */
export const KEY_MAX = 128;
/** Most characters in a publication id. */
export const PUBLICATION_ID_MAX = 64;
/** Most bytes in a position. */
export const POSITION_MAX = 96;
/** Starts the names of built-in channels; the application's own names can't contain it. */
export const BUILT_IN_PREFIX = "@";

const NAME = /^@?[A-Za-z0-9_.~=+-]+(?::[A-Za-z0-9_.~=+-]+)*$/;
const SEGMENT = /^[A-Za-z0-9_.~=+-]+$/;
const PRINTABLE = /^[\x21-\x7e]+$/;

/** True for a well-formed channel name: segments of `A-Z a-z 0-9 _ . ~ = + -`, joined by `:`, 200 characters at most. */
export function isChannelName(name: unknown): name is string {
  return typeof name === "string" && name.length <= CHANNEL_NAME_MAX && NAME.test(name);
}

/** True for a value that can stand for a parameter of a pattern: one well-formed segment. */
export function isSegment(value: string): boolean {
  return value.length <= CHANNEL_NAME_MAX && SEGMENT.test(value);
}

/** True for a well-formed key of a state channel: 1 to 128 printable ASCII characters, no space. */
export function isKey(key: unknown): key is string {
  return typeof key === "string" && key.length <= KEY_MAX && PRINTABLE.test(key);
}

/** True for a well-formed publication or amendment id: 1 to 64 printable ASCII characters, no space. */
export function isPublicationId(id: unknown): id is string {
  return typeof id === "string" && id.length <= PUBLICATION_ID_MAX && PRINTABLE.test(id);
}

/** True for a string that may be a position: 1 to 96 printable ASCII characters. Only its store can say more. */
export function isPosition(position: unknown): position is string {
  return typeof position === "string" && position.length <= POSITION_MAX && PRINTABLE.test(position);
}

/** The name of the state channel that holds the members of `channel`. */
export function presenceChannel(channel: string): string {
  return `${BUILT_IN_PREFIX}presence:${channel}`;
}

/** The channel whose members `name` holds, or null when `name` is not the name of a presence channel. */
export function presenceParent(name: string): string | null {
  return name.startsWith("@presence:") ? name.slice("@presence:".length) : null;
}
