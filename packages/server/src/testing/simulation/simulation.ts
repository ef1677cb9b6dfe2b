/**
 * The parts of a simulation: a world on a virtual clock, a network, a broker with everything that befalls brokers, whole
 * servers, and the truth to hold clients against. See docs/reliability.md, "The simulator".
 */
export { withoutAmbient } from "./ambient.ts";
export type { BrokerWitness, Kind as VolumeKind } from "./broker-disk.ts";
export type { BrokerLink } from "./broker-link.ts";
export { ChannelTruth, CLOCK_JUMP_MAX_MS, shown, Truth, type Place } from "./channel-truth.ts";
export type { DeliveryTrouble } from "./delivery-line.ts";
export { SimulatedBroker, type SimulatedBrokerOptions } from "./simulated-broker.ts";
export {
  SimulatedConnection,
  type Breakage,
  type SimulatedSocket,
  type SimulatedSocketEvents,
} from "./simulated-connection.ts";
export { SimulatedNetwork, type SimulatedListener, type SimulatedNetworkOptions } from "./simulated-network.ts";
export { SimulatedRandom } from "./simulated-random.ts";
export { SimulatedServer, type SimulatedServerOptions } from "./simulated-server.ts";
export { SimulatedWorld, type SimulatedWorldOptions } from "./simulated-world.ts";
export type { Machine, World } from "./world.ts";
export { WorldMachine, type WorldMachineOptions } from "./world-machine.ts";
export { Alarms, type DueAlarm } from "../alarms.ts";
