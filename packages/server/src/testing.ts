/**
 * For tests of the server and of applications, never for what serves: a look at what a server holds, and faults that
 * are planted on purpose.
 */
import type { Contract } from "@carillon/protocol";
import type { Fault } from "./core/faults.ts";
import type { CarillonOptions, UserSchema } from "./face/options.ts";
import { Carillon } from "./server.ts";

export type { Fault } from "./core/faults.ts";
export { systemPorts } from "./transport/clock.ts";

/**
 * What a server holds for its connections, by name: gauges, registries, heartbeats, quotas. Each number is zero when
 * nobody is connected and every grace is over; what is not is a leak.
 */
export function holdings<C extends Contract, U extends UserSchema>(
  carillon: Carillon<C, U>,
): Readonly<Record<string, number>> {
  return carillon.inspect();
}

/**
 * A server that is wrong on purpose, for controls: a test that passes with it can't be believed when it passes without.
 */
export function createFaulty<const C extends Contract, U extends UserSchema>(
  options: CarillonOptions<C, U>,
  faults: readonly Fault[],
): Carillon<C, U> {
  return new Carillon(options, new Set(faults));
}
