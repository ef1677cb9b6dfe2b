// Asks the running cluster to restart its nodes one after the other, and prints how it goes.
import { askForRestart } from "./control.mjs";

const socket = askForRestart(process.env.CLUSTER_DATA || "data");
socket.on("error", () => {
  console.error("No cluster is running here: start one with npm start -w examples/cluster.");
  process.exitCode = 1;
});
socket.pipe(process.stdout);
