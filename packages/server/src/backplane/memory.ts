import type { Backplane, BackplaneContext, OpenBackplane } from "./backplane.ts";
import { loopback } from "./loopback.ts";
import { MemoryChannels } from "./memory-channels.ts";
import { MemoryTickets } from "./memory-tickets.ts";

/**
 * The backplane of one node that keeps everything in memory: for tests, and for applications that can lose their
 * history with the process. Nothing is lost silently even so: see {@link MemoryChannels}.
 */
export function memory(): Backplane {
  return { name: "memory", open: (context, done) => done(openMemory(context)) };
}

/** The same, opened at once. */
export function openMemory(context: BackplaneContext): OpenBackplane {
  const channels = new MemoryChannels(context);
  const tickets = new MemoryTickets(context.ports, context.limits.tickets);
  return {
    channels,
    tickets,
    control: loopback(context),
    close: (done) => {
      channels.close();
      tickets.close();
      done();
    },
  };
}
