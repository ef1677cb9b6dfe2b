import type { ChannelKind } from "@carillon/protocol";

/**
 * Names of subjects and streams. A channel is one token of a subject, so nothing in its name may be a dot, a wildcard or
 * a space to NATS: everything but letters, digits and `_ : @ ~ + -` is written as `=` and two hexadecimal digits.
 */

const PLAIN = /^[A-Za-z0-9_:@~+-]+$/;
const PREFIX = /^[A-Za-z0-9_-]{1,32}$/;

/** True for a name that can start the names of all streams and subjects of one application. */
export function isPrefix(name: string): boolean {
  return PREFIX.test(name);
}

/** The text as one token of a subject. Different texts give different tokens. */
export function encodeToken(text: string): string {
  if (PLAIN.test(text)) return text;
  let token = "";
  for (const character of text) {
    if (PLAIN.test(character)) token += character;
    else for (const byte of Buffer.from(character)) token += `=${byte.toString(16).padStart(2, "0")}`;
  }
  return token;
}

/** The namespace of a channel: its first segment, as a token. */
export function namespaceOf(channel: string): string {
  const end = channel.indexOf(":");
  return encodeToken(end === -1 ? channel : channel.slice(0, end));
}

/** Names of one application's streams and subjects. */
export class Names {
  readonly prefix: string;

  constructor(prefix: string) {
    this.prefix = prefix;
  }

  /** Stream of the channels of one kind in a namespace. */
  stream(kind: ChannelKind, namespace: string): string {
    return `${this.prefix}_${kind}_${namespace}`;
  }

  /** Subject under which a channel is kept. */
  channel(kind: ChannelKind, channel: string): string {
    return `${this.prefix}.${kind}.${namespaceOf(channel)}.${encodeToken(channel)}`;
  }

  /** Subjects of a whole namespace. */
  channels(kind: ChannelKind, namespace: string): string {
    return `${this.prefix}.${kind}.${namespace}.*`;
  }

  /** Where NATS repeats what it has stored. */
  live(subject: string): string {
    return `${this.prefix}.live.${subject.slice(this.prefix.length + 1)}`;
  }

  /** Stream of credentials: one subject for each. */
  get tickets(): string {
    return `${this.prefix}_tickets`;
  }

  /** Stream of revocations. */
  get revocations(): string {
    return `${this.prefix}_revocations`;
  }

  /** Stream of the store's identity and of the clock. */
  get meta(): string {
    return `${this.prefix}_meta`;
  }

  /** Stream of messages between nodes, kept for those who were away for a moment. */
  get control(): string {
    return `${this.prefix}_control`;
  }

  /** A subject outside of the channels. */
  plain(group: string, token: string): string {
    return `${this.prefix}.${group}.${encodeToken(token)}`;
  }
}
