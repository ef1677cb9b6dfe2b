import { CarillonError, type Upgrade } from "@carillon/protocol";
import type { Answer, Failure } from "../backplane/channel-store.ts";
import type { AmendRecord, ChannelRecord, Payload, PublicationRecord } from "../backplane/records.ts";
import type { Logger } from "../core/logger.ts";
import type { Metrics } from "../core/metrics.ts";
import type { Target, Targets } from "./target.ts";

/** What {@link PresentForm} needs of its node. */
export interface PresentFormContext {
  readonly targets: Targets;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly hooks: {
    /** Checks a value against the target's schema and makes a payload of it; answers once, within the call or later. */
    validate(target: Target, value: unknown, done: (payload: Payload | CarillonError) => void): void;
  };
}

/**
 * Brings what was stored under an earlier version of a log's schema to the present one, as it leaves the store: once for
 * a page or a delivery, whatever the number of readers. The store keeps what was written.
 *
 * What can't be brought to it (`upgrade` throws, or gives what could not be published) reads as erased, so that its
 * place in the order stays and nobody gets a form that the contract does not know. It keeps the version that it was
 * written under, which tells it from what was erased; a contract with a better `upgrade` reads it again. Data of a later
 * version than the contract's is handed out as it is, with its version.
 */
export class PresentForm {
  readonly #context: PresentFormContext;
  /** Patterns whose first failure was logged; the others are only counted. */
  readonly #logged = new Set<string>();

  constructor(context: PresentFormContext) {
    this.#context = context;
  }

  /** Records of a channel in their present form, in the same order; later if the schema is asynchronous. */
  read<R extends ChannelRecord>(
    channel: string,
    records: readonly R[],
    done: (answer: Answer<readonly R[]>) => void,
  ): void {
    const { targets } = this.#context;
    const target = targets.hasUpgrades ? targets.find(channel) : null;
    const upgrade = target === null ? null : targets.upgradeOf(target);
    if (target === null || upgrade === null) return done({ ok: true, value: records });
    const present = [...records];
    let failure: Failure | null = null;
    let underWay = 1;
    const end = (): void => {
      underWay--;
      if (underWay === 0) done(failure ?? { ok: true, value: present });
    };
    for (const [index, record] of records.entries()) {
      if (!isOlder(record, target.version)) continue;
      underWay++;
      this.#raise(target, upgrade, record, (payload) => {
        if (payload instanceof CarillonError && payload.code === "timeout") {
          failure = { ok: false, code: "timeout", message: payload.message };
        } else present[index] = this.#raised(target, record, payload);
        end();
      });
    }
    end();
  }

  /** The same within the call; null if it can't be had so. */
  readNow(channel: string, records: readonly ChannelRecord[]): readonly ChannelRecord[] | null {
    if (!this.#context.targets.hasUpgrades) return records;
    const answers: Answer<readonly ChannelRecord[]>[] = [];
    this.read(channel, records, (answer) => answers.push(answer));
    const [answer] = answers;
    return answer?.ok === true ? answer.value : null;
  }

  #raise(
    target: Target,
    upgrade: Upgrade,
    { data, version }: Versioned,
    done: (payload: Payload | CarillonError) => void,
  ): void {
    if (data === null) return done(null);
    let value: unknown;
    try {
      value = upgrade(typeof data === "string" ? JSON.parse(data) : data, version);
    } catch (error) {
      return done(new CarillonError("invalid_data", `upgrade failed: ${String(error)}`));
    }
    this.#context.hooks.validate(target, value, done);
  }

  #raised<R extends Versioned>(target: Target, record: R, payload: Payload | CarillonError): R {
    if (!(payload instanceof CarillonError)) return { ...record, data: payload, version: target.version };
    this.#context.metrics.upgradesFailed++;
    if (!this.#logged.has(target.pattern)) {
      this.#logged.add(target.pattern);
      const { id, version } = record;
      const fields = { channel: target.name, id, version, error: payload.message };
      this.#context.logger.error("Stored data can't be upgraded; it reads as erased, and is kept as it is.", fields);
    }
    return { ...record, data: null };
  }
}

type Versioned = PublicationRecord | AmendRecord;

function isOlder<R extends ChannelRecord>(record: R, present: number): record is R & Versioned {
  return (record.kind === "publication" || record.kind === "amend") && record.version < present;
}
