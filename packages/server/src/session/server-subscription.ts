import type { CommandContext } from "./command.ts";

/**
 * Subscribes a session because the application wants it to be, not because the client asked: no grant is needed, and a
 * push says what a reply would. Does nothing for a channel that the session is subscribed to already.
 */
export function subscribeFromServer(context: CommandContext, channel: string): void {
  const { host, subscriptions } = context;
  const target = host.target(channel);
  if (target === null || !context.isOpen || subscriptions.has(channel)) return;
  context.lane(channel).run((release) => {
    host.hub.attach(target.name, target.options, target.coalesceMs, (attached) => {
      // Either may have happened while the store was asked.
      if (attached.ok && (!context.isOpen || subscriptions.has(channel))) host.hub.detach(channel);
      else if (attached.ok) {
        const { kind } = target.options;
        const pos = kind === "log" ? attached.value : null;
        const subscription = context.createSubscription(target);
        context.push({ push: "subscribed", channel, kind, pos, live: kind === "log" });
        subscription.start(pos, kind === "log");
      }
      release();
    });
  });
}
