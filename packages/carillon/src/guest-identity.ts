import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** A browser keeps the identity for a year after the guest was last here. */
const LIFETIME_S = 31_536_000;
const ID = /^g_[\w-]{22}$/;
/** Cookies of guests are named so, and then differently by each server: browsers share them between the ports of a host. */
const PREFIX = "carillon_guest_";
/** Said to the key for the cookie's name; no id of a guest is written so. */
const NAMING = "name of the cookie";

/**
 * The name of the cookie of all servers that have this key: nodes of one cluster behind one proxy know each other's
 * guests, and two servers of one host do not undo each other's.
 */
export function cookieNameOf(key: Uint8Array): string {
  return `${PREFIX}${createHmac("sha256", key).update(NAMING).digest("hex").slice(0, 12)}`;
}

/** The name of the cookie of a server whose key ends with it: a name for each life would fill the browser. */
export function cookieNameAt(port: number): string {
  return `${PREFIX}${port}`;
}

/**
 * Who a guest is, kept in a cookie that only this server can write: `<id>.<HMAC-SHA256 of it>`. The cookie says who
 * came back and nothing else; a connection is opened with a ticket, which no other site can have taken.
 */
export class GuestIdentity {
  readonly #key: Uint8Array;
  readonly #name: string;

  /** `name` is the cookie's; the key is 32 random bytes, and names and signs such cookies alone. */
  constructor(name: string, key: Uint8Array = randomBytes(32)) {
    this.#name = name;
    this.#key = key;
  }

  /**
   * The guest of a `Cookie` header; a new one if it names none, or one that was not signed here. What counts is the
   * signature: a cookie that had another name before is good as well, if there is none of the present name.
   */
  of(header: string | undefined): string {
    let former: string | null = null;
    for (const pair of (header ?? "").split(";")) {
      const [name = "", value = ""] = pair.trim().split("=", 2);
      if (name !== this.#name && (former !== null || !name.startsWith(PREFIX))) continue;
      const [id = "", signature = ""] = value.split(".", 2);
      if (!ID.test(id) || !this.#isSigned(id, signature)) continue;
      if (name === this.#name) return id;
      former = id;
    }
    return former ?? `g_${randomBytes(16).toString("base64url")}`;
  }

  /**
   * The `Set-Cookie` header that keeps `id`. `isSecure`: a proxy in front speaks HTTPS. By itself the server speaks plain
   * HTTP, and the cookie says nothing that a listener on the wire could not see in the messages as well.
   */
  cookie(id: string, isSecure: boolean = false): string {
    const value = `${id}.${this.#sign(id).toString("base64url")}`;
    const secure = isSecure ? "; Secure" : "";
    return `${this.#name}=${value}; Path=/; Max-Age=${LIFETIME_S}; HttpOnly; SameSite=Lax${secure}`;
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
