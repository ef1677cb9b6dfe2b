// What `npm start`, `npm test` and the cluster example do before their job, on a machine that has only Node and npm:
// install, build, and for the latter two what they need from the operating system. Plain Node without dependencies, since it runs before node_modules.
//
//   node scripts/setup.mjs start|test|cluster

import { install } from "./install.mjs";
import { run } from "./process.mjs";
import { provideSystemPackages } from "./system-packages.mjs";

const NODE_MIN = [20, 19];

/** @returns {boolean} */
function isNodeNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [majorMin = 0, minorMin = 0] = NODE_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return true;
  console.error(`Carillon needs Node ${NODE_MIN.join(".")} or newer; this is ${process.versions.node}.`);
  return false;
}

/** @returns {boolean} */
function build() {
  // The build is incremental: with nothing to do it takes about half a second, so it need not be guarded by a stamp.
  if (run(process.execPath, ["scripts/build.mjs"])) return true;
  console.error("The build failed; its messages are above.");
  return false;
}

const goal = process.argv[2];
/** Of the cluster example; npm hands arguments to `start` alone, and variables to what runs before it too. */
const broker = process.env["BROKER"] === "nats" ? "nats-server" : "redis-server";
if (goal !== "start" && goal !== "test" && goal !== "cluster") {
  console.error(`Expected "start", "test" or "cluster", got ${goal === undefined ? "nothing" : `"${goal}"`}.`);
  process.exit(2);
}

const isReady = isNodeNewEnough() && install() && build();
if (!isReady) {
  // Whoever reads the last line of `npm test` learns of this failure too.
  if (goal === "test") console.log("0 passed, 1 failed");
  process.exit(1);
}
if (goal === "test") provideSystemPackages();
// The proxy is for all; the broker that was not asked for is not needed.
if (goal === "cluster" && !provideSystemPackages(["haproxy", broker])) process.exit(1);
