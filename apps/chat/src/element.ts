/** The element of the page with that id. Throws when page and script do not fit together. */
export function element<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.querySelector(`#${id}`);
  if (found instanceof type) return found;
  throw new Error(`Expected the page to have a ${type.name} with the id ${id}.`);
}

/** A new element. Text is set as text, never as markup. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  className: string,
  text = "",
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

/** The mark of a person: a letter on one of eight colours, the same wherever the person is seen. */
export function avatar(user: string, name: string): HTMLElement {
  const [letter = "?"] = name;
  const made = make("span", "avatar", letter);
  let sum = 0;
  for (const character of user) sum = (sum * 31 + (character.codePointAt(0) ?? 0)) % 65_521;
  made.dataset["hue"] = String(sum % 8);
  made.ariaHidden = "true";
  return made;
}
