import type { Breakage } from "@carillon/server/testing";
import type { Kind } from "./kind.ts";

const BREAKAGES: readonly Breakage[] = ["both", "both", "both", "client", "server", "nobody"];

/** What befalls clients and their connections. */
export const NETWORK: readonly Kind[] = [
  {
    name: "cut",
    weight: 8,
    share: 0.7,
    run: ({ network, world }, { name }, what) => {
      world.count("connections cut");
      for (const connection of network.of(name)) connection.break(BREAKAGES[what % BREAKAGES.length] ?? "both");
    },
  },
  {
    name: "stall",
    weight: 5,
    share: 0.5,
    run: ({ network, world }, { name }, what, amount) => {
      world.count("one-way stalls");
      const connections = network.of(name);
      for (const connection of connections) connection.stall(what % 3 === 0 ? "up" : "down");
      world.after(100 + (amount % 12) * 900, () => {
        for (const connection of connections) connection.flow();
      });
    },
  },
  {
    name: "offline",
    weight: 4,
    share: 0.5,
    run: ({ network, world }, page, what, amount) => {
      world.count("clients offline");
      network.takeOffline(page.name);
      if (what % 3 > 0) page.befall("offline");
      world.after(200 + amount * 8, () => {
        network.bringOnline(page.name);
        if (what % 3 > 0) page.befall("online");
      });
    },
  },
  {
    name: "suspend",
    weight: 2,
    share: 0.4,
    run: ({ world }, page, what, amount) => {
      world.count("pages suspended");
      page.befall(what % 2 === 0 ? "pagehide" : "freeze");
      world.after(100 + amount * 8, () => page.befall(what % 2 === 0 ? "pageshow" : "resume"));
    },
  },
  {
    name: "sleep",
    weight: 2,
    share: 0.3,
    run: ({ world }, page, _what, amount) => {
      world.count("clients asleep");
      page.freeze(500 + amount * 30);
    },
  },
  { name: "visible", weight: 1, share: 0.3, run: (_stage, page) => page.befall("visible") },
  {
    name: "reload",
    weight: 3,
    share: 0.4,
    run: (stage, page, what, amount) => {
      const person = stage.pages.indexOf(page);
      if (page.isGone) return;
      stage.world.count("pages reloaded");
      const positions = page.vanish(what % 2 === 0);
      stage.world.after(10 + amount * 3, () => stage.load(person, what % 5 === 0 ? new Map() : positions));
    },
  },
  {
    name: "disconnect",
    weight: 2,
    share: 0.4,
    run: ({ world }, page, _what, amount) => {
      world.count("clean leaves");
      page.client.disconnect();
      world.after(amount * 4, () => {
        if (!page.isGone && !page.hasLeft) page.client.connect();
      });
    },
  },
];
