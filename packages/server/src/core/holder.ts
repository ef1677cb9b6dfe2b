/**
 * Who speaks for an instance, as stores keep it: `<instance>/<term>/<session>`. A session's *term* says which of the
 * sessions of its instance it is: 1 for the first, more for each that comes back. So of two sessions of one instance a
 * store knows the later, wherever what they ask for was held up on its way. One text, since a release compares it as a
 * whole, and stores need not know what is in it but for {@link isLaterSession}.
 */
export function formatHolder(instance: string, term: number, session: string): string {
  return `${instance}/${term}/${session}`;
}

/**
 * True if the holder is a later session of the same instance than the other. False for those of different instances, for
 * one and the same, and for whatever is none or has another form: between them there is no order.
 */
export function isLaterSession(holder: string | null, than: string | null): boolean {
  if (holder === null || than === null || holder === than) return false;
  const one = FORM.exec(holder);
  const other = FORM.exec(than);
  return one !== null && other !== null && one[1] === other[1] && Number(one[2]) > Number(other[2]);
}

/** Ids have an alphabet without a slash. */
const FORM = /^([^/]+)\/(\d+)\/[^/]+$/;
