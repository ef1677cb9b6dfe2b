import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** A browser keeps the identity for a year after the guest was last here. */
const LIFETIME_S = 31_536_000;
const ID = /^g_[\w-]{22}$/;

/**
 * Who a guest is, kept in a cookie that only this server can write: `<id>.<HMAC-SHA256 of it>`. The cookie says who
 * came back and nothing else; a connection is opened with a ticket, which no other site can have taken.
 */
export class GuestIdentity {
  readonly #key: Uint8Array;
  readonly #name: string;

  /** `name` is the cookie's; the key is 32 random bytes and signs nothing else. */
  constructor(name: string, key: Uint8Array = randomBytes(32)) {
    this.#name = name;
    this.#key = key;
  }

  /** The guest of a `Cookie` header; a new one if it names none, or one that was not signed here. */
  of(header: string | undefined): string {
    for (const pair of (header ?? "").split(";")) {
      const [name = "", value = ""] = pair.trim().split("=", 2);
      const [id = "", signature = ""] = value.split(".", 2);
      if (name === this.#name && ID.test(id) && this.#isSigned(id, signature)) return id;
    }
    return `g_${randomBytes(16).toString("base64url")}`;
  }

  /**
   * The `Set-Cookie` header that keeps `id`. It lacks `Secure`, because the server itself speaks plain HTTP, and says
   * nothing that a listener on the wire could not see in the messages as well.
   */
  cookie(id: string): string {
    const value = `${id}.${this.#sign(id).toString("base64url")}`;
    return `${this.#name}=${value}; Path=/; Max-Age=${LIFETIME_S}; HttpOnly; SameSite=Lax`;
  }

  #sign(id: string): Buffer {
    return createHmac("sha256", this.#key).update(id).digest();
  }

  #isSigned(id: string, signature: string): boolean {
    const given = Buffer.from(signature, "base64url");
    const wanted = this.#sign(id);
    return given.byteLength === wanted.byteLength && timingSafeEqual(given, wanted);
  }
}
