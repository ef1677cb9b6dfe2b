import type { Backplane } from "@carillon/server";
import type { ApplyRequest, BackplaneContext, ChannelOptions, OpenBackplane } from "@carillon/server/backplane";
import { DEFAULT_LIMITS, systemPorts } from "@carillon/server/testing";

/** The channel that members are in. */
export const MEMBERS = "@presence:chat:lobby";
const OWNED: ChannelOptions = { kind: "state", historySize: 0, historyTtlMs: 0, ttlMs: 0, owned: true };

/** A node that has members and nothing else. */
export interface Members extends AsyncDisposable {
  readonly node: string;
  /** Enters an entry for each instance, held by a session of that name; again, it takes over what is there. */
  enter(instances: readonly string[], session: string): Promise<void>;
}

/** Opens a backplane for members. */
export async function openMembers(backplane: Backplane): Promise<Members> {
  const ignore = (): void => {};
  const context: BackplaneContext = {
    ports: systemPorts(),
    limits: DEFAULT_LIMITS,
    logger: { debug: ignore, info: ignore, warn: ignore, error: ignore },
    faults: new Set<never>(),
    sink: { deliver: ignore, suspect: ignore, available: ignore, ownershipLost: ignore },
    onControl: ignore,
  };
  const opened = await new Promise<OpenBackplane>((resolve, reject) => {
    backplane.open(context, (result) => (result instanceof Error ? reject(result) : resolve(result)));
  });
  return {
    node: opened.control.node,
    enter: (instances, session) => enter(opened, instances, session),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => opened.close(resolve)),
  };
}

function enter({ channels }: OpenBackplane, instances: readonly string[], session: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = instances.length;
    const done: ApplyRequest["done"] = (result) => {
      if (!result.ok) reject(new Error(result.message));
      else if (--left === 0) resolve();
    };
    channels.apply(
      instances.map((instance) => {
        const owner = { user: `user of ${instance}`, instance };
        const data = '{"name":"here"}';
        const change = { op: "set", key: instance, data, expect: null, owner, holder: session, ownOnly: true } as const;
        return { channel: MEMBERS, options: OWNED, change, done };
      }),
    );
  });
}
