// Where a running cluster is told what to do: a socket in its folder.
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";

/** What is asked for, as a line. */
const RESTART = "restart";

/** Relative, because the path of a socket may have some hundred characters and no more. @param {string} data */
const placeIn = (data) => `${data}/control.sock`;

/** Asks a running cluster for a rolling restart; what it says comes from the socket. @param {string} data */
export function askForRestart(data) {
  const socket = connect(placeIn(data), () => socket.write(`${RESTART}\n`));
  return socket;
}

/** Whoever asks gets a rolling restart, and reads how it goes. One cluster has a folder to itself. */
export class Control {
  #server = createServer((socket) => this.#hear(socket));
  #place;
  /** @type {import("./cluster.mjs").Cluster | null} null: it is starting */
  #cluster = null;
  #isRestarting = false;

  /** @param {string} place */
  constructor(place) {
    this.#place = place;
  }

  /** Takes the folder. Rejects with a sentence when a running cluster has it. @param {string} data */
  static async open(data) {
    const place = placeIn(data);
    if (await answers(place)) {
      throw new Error(
        `A cluster is running in the folder ${data} already: end it with Ctrl-C, or choose another folder with CLUSTER_DATA.`,
      );
    }
    // One that was killed has left it.
    rmSync(place, { force: true });
    const control = new Control(place);
    await new Promise((resolve, reject) => {
      control.#server.once("error", reject).listen(place, () => resolve(null));
    });
    return control;
  }

  /** From now on it can be asked. @param {import("./cluster.mjs").Cluster} cluster */
  serve(cluster) {
    this.#cluster = cluster;
  }

  close() {
    rmSync(this.#place, { force: true });
  }

  /** @param {import("node:net").Socket} socket */
  #hear(socket) {
    socket.on("error", () => {});
    socket.setEncoding("utf8").once("data", (text) => {
      if (String(text).trim() === RESTART) void this.#restart(socket);
      else socket.end();
    });
  }

  /** @param {import("node:net").Socket} socket */
  async #restart(socket) {
    if (this.#cluster === null || this.#isRestarting) {
      const isStarting = this.#cluster === null;
      socket.end(
        isStarting ? "The cluster is starting: ask again in a moment.\n" : "A restart is under way already.\n",
      );
      return;
    }
    this.#isRestarting = true;
    const say = (/** @type {string} */ line) => {
      console.log(line);
      if (socket.writable) socket.write(`${line}\n`);
    };
    await this.#cluster.restart(say).catch((/** @type {unknown} */ error) => say(String(error)));
    this.#isRestarting = false;
    socket.end();
  }
}

/** Whether somebody listens there. @param {string} place @returns {Promise<boolean>} */
function answers(place) {
  return new Promise((resolve) => {
    const socket = connect(place, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
