/**
 * For tests of the server and of applications, never for what serves: a look at what a server holds, faults that are
 * planted on purpose, and a whole node on a virtual clock with connections in memory.
 */
import type { Contract } from "@carillon/protocol";
import type { Fault } from "./core/faults.ts";
import type { CarillonOptions, UserSchema } from "./face/options.ts";
import { Carillon } from "./server.ts";

export type { BackplaneContext } from "./backplane/backplane.ts";
export type * from "./backplane/channel-store.ts";
export type * from "./backplane/records.ts";
export type { Fault, Faults } from "./core/faults.ts";
export { DEFAULT_LIMITS, type Limits } from "./core/limits.ts";
export { GAUGES, type Metrics } from "./core/metrics.ts";
export type { Ports, Timer } from "./core/ports.ts";
export type { NodeHooks } from "./node.ts";
export { Targets, type Target } from "./policy/target.ts";
export { appendAll, appendRequest, type AppendGiven } from "./testing/append-request.ts";
export {
  conformanceTests,
  type ConformanceStore,
  type ConformanceSubject,
  type ConformanceTest,
} from "./testing/conformance/conformance.ts";
export { FickleChannels, type Fate, type FickleOptions, type StoreWitness } from "./testing/fickle-channels.ts";
export { createKernel, type Kernel, type KernelOptions } from "./testing/kernel.ts";
export { MemoryConnection, type MemoryConnectionOptions, type Received } from "./testing/memory-connection.ts";
export * from "./testing/simulation/simulation.ts";
export { VirtualWorld, type VirtualWorldOptions } from "./testing/virtual-world.ts";
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
