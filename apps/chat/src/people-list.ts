import { avatar, element, make } from "./element.ts";

/** Somebody who is here with one tab or more. */
export interface Person {
  readonly user: string;
  readonly name: string;
}

/** Who is here now: several tabs of one person count as one. */
export class PeopleList {
  readonly #list = element("people", HTMLUListElement);
  readonly #count = element("people-count", HTMLSpanElement);

  /** Shows these people; `self` is marked. */
  show(members: readonly Person[], self: string | null): void {
    const people = new Map(members.map((person) => [person.user, person]));
    this.#count.textContent = String(people.size);
    this.#list.replaceChildren(...Array.from(people.values(), (person) => itemOf(person, person.user === self)));
  }
}

function itemOf({ user, name }: Person, isSelf: boolean): HTMLLIElement {
  const item = make("li", "");
  item.dataset["user"] = user;
  const shown = make("span", "name", name);
  shown.title = name;
  item.append(avatar(user, name), shown);
  if (isSelf) item.append(make("span", "you", "you"));
  return item;
}
