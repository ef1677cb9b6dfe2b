/**
 * Who is in one channel, as components see it, and whether this client is. All components that use the presence of the
 * channel share one store. A component that unmounts does not leave at once: under StrictMode, and when one page of the
 * application gives way to another, it is back in a moment, and nobody else should see it go.
 */
import type { CarillonError, Member, Presence } from "@carillon/client";
import type { PresenceView, PresentUser } from "./face.ts";
import { Lifeline } from "./lifeline.ts";
import { Notifier } from "./notifier.ts";
import { errorOf } from "./outgoing.ts";
import { channelOf, sameArray, type Shared } from "./shared.ts";
import { followFacts, INITIAL_FACTS, type Facts } from "./subscription-facts.ts";

/** What one component says about this member. */
interface Claim {
  readonly info: unknown;
}

/** Presence of a channel, shared by components. */
export class PresenceStore {
  readonly name: string;
  readonly initialView: PresenceView;
  readonly #shared: Shared;
  readonly #notifier: Notifier;
  readonly #following: Lifeline;
  readonly #membership: Lifeline;
  readonly #claims = new Set<Claim>();
  #facts: Facts = INITIAL_FACTS;
  /** Why this client is no member, though it should be. */
  #refusal: CarillonError | null = null;
  #removals: (() => void)[] = [];
  #unwatchClient: (() => void) | undefined;
  /** The info entered with, as JSON; null: not entered. */
  #entered: string | null = null;
  #view: PresenceView;

  constructor(name: string, shared: Shared) {
    this.name = name;
    this.#shared = shared;
    this.#notifier = new Notifier(shared.frame, () => this.#freeze());
    this.#following = new Lifeline(
      shared.lingerMs,
      () => this.#start(),
      () => this.#stop(),
    );
    this.#membership = new Lifeline(
      shared.lingerMs,
      () => this.#watchClient(),
      () => this.#leave(),
    );
    const resubscribe = (): void => this.#resubscribe();
    this.#view = this.initialView = { name, ...INITIAL_FACTS, members: [], users: [], resubscribe };
  }

  /** What components see: the same object until it changes. */
  readonly view = (): PresenceView => this.#view;

  /** Follows the presence for a component. Returns the end of it. */
  readonly watch = (listener: () => void): (() => void) => {
    const unlisten = this.#notifier.listen(listener);
    const letGo = this.#following.hold();
    return () => {
      unlisten();
      letGo();
    };
  };

  /** Is a member for a component; of several, the last one's info counts. Returns the end of it. */
  enter(info: unknown): () => void {
    const claim = { info };
    this.#claims.add(claim);
    const letGo = this.#membership.hold();
    this.#claim();
    return () => {
      this.#claims.delete(claim);
      letGo();
      this.#claim();
    };
  }

  get #presence(): Presence<unknown, unknown> | undefined {
    return channelOf(this.#shared, this.name)?.presence;
  }

  // --- following ---

  #start(): void {
    const presence = this.#presence;
    if (!presence) return;
    this.#removals = [
      presence.on("change", () => this.#notifier.changed()),
      followFacts(presence, {
        changed: (facts) => {
          this.#facts = facts;
          this.#notifier.changed();
        },
        lost: () => this.#subscribe(),
      }),
    ];
    this.#subscribe();
  }

  #subscribe(): void {
    // A refusal is told by the `error` event.
    this.#presence?.subscribe().catch(() => {});
  }

  #stop(): void {
    for (const remove of this.#removals.splice(0)) remove();
    this.#presence?.unsubscribe();
    this.#facts = INITIAL_FACTS;
    this.#notifier.changed();
  }

  #resubscribe(): void {
    if (!this.#removals.length) return;
    this.#subscribe();
    if (this.#refusal) this.#claim(true);
  }

  // --- being a member ---

  #watchClient(): void {
    // After a clean leave the client has nothing to come back to, so it has to be told again.
    this.#unwatchClient = this.#shared.client?.on("state", ({ state }) => {
      if (state === "disconnected") this.#entered = null;
      else if (state === "connected") this.#claim();
    });
  }

  /** Makes the last claim come true, unless it is. */
  #claim(isForced = false): void {
    const last = [...this.#claims].at(-1);
    const { client } = this.#shared;
    if (!last || client?.state === "disconnected") return;
    const json = JSON.stringify(last.info);
    if (json === this.#entered && !isForced) return;
    this.#entered = json;
    this.#presence?.enter(last.info).then(
      () => this.#refuse(null),
      (cause: unknown) => {
        const error = errorOf(cause);
        // Told by the connection already, and mended by it.
        if (error.code !== "disconnected" && error.code !== "uncertain") this.#refuse(error);
      },
    );
  }

  #leave(): void {
    this.#unwatchClient?.();
    this.#refuse(null);
    const wasEntered = this.#entered !== null;
    this.#entered = null;
    // Without a connection there is nobody to leave.
    if (wasEntered && this.#shared.client?.state !== "disconnected") this.#presence?.leave().catch(() => {});
  }

  #refuse(error: CarillonError | null): void {
    if (this.#refusal === error) return;
    this.#refusal = error;
    this.#notifier.changed();
  }

  // --- what components see ---

  #freeze(): void {
    const { client } = this.#shared;
    const members = sameArray(this.#view.members, sameMembers(this.#view.members, this.#presence?.members ?? []));
    const isKnown = members === this.#view.members;
    const users = isKnown ? this.#view.users : groupByUser(this.#view.users, members, client?.user ?? null);
    this.#view = { ...this.#view, ...this.#facts, error: this.#facts.error ?? this.#refusal, members, users };
  }
}

/** `next`, with the objects of `previous` for members that did not change. */
function sameMembers(previous: readonly Member[], next: readonly Member[]): readonly Member[] {
  const known = new Map(previous.map((member) => [member.instance, member]));
  return next.map((member) => {
    const before = known.get(member.instance);
    return before?.user === member.user && before.info === member.info ? before : member;
  });
}

/** Groups in the order in which their first members stand, with the objects of `previous` that did not change. */
function groupByUser(previous: readonly PresentUser[], members: readonly Member[], self: string | null): PresentUser[] {
  const known = new Map(previous.map((group) => [group.user, group]));
  const groups = new Map<string, Member[]>();
  for (const member of members) {
    const group = groups.get(member.user);
    if (group) group.push(member);
    else groups.set(member.user, [member]);
  }
  return [...groups].map(([user, own]) => {
    const before = known.get(user);
    const same = sameArray(before?.members ?? [], own);
    return before && same === before.members
      ? before
      : { user, info: own.at(-1)?.info, members: same, isSelf: user === self };
  });
}
