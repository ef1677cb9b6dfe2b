import type { Page } from "../page.ts";
import { LEASE_MS } from "../setting.ts";
import type { Stage } from "../stage.ts";
import { logOf, PADDINGS, stateOf, type Kind } from "./kind.ts";

/** A client sets something here, loses the connection, and goes on elsewhere, while what it asked for is on its way. */
function goElsewhere({ network, pages, world }: Stage, first: Page, server: string, amount: number): void {
  const connections = network.to(server);
  for (const page of [first, ...pages]) {
    const connection = network.of(page.name).find((one) => connections.includes(one));
    if (connection === undefined || page.isGone) continue;
    world.count("clients gone elsewhere");
    const set = (times: number): void =>
      page.set(stateOf(amount), amount % 5 === 0 ? null : "k1", { by: page.name, n: amount, times }, null);
    set(1);
    // It has reached the server by then, which does not learn that nobody waits any more.
    world.after(150, () => connection.break("client"));
    for (let times = 2; times < 5; times++) world.after(times * 150, () => !page.isGone && set(times));
    return;
  }
}

/** What befalls servers and the broker. */
export const SERVERS: readonly Kind[] = [
  {
    name: "kill a server",
    weight: 4,
    share: 0.5,
    run: (stage, _page, what, amount) => stage.kill(what % stage.servers.length, what % 3 > 0, 50 + amount * 4),
  },
  {
    name: "drain a server",
    weight: 2,
    share: 0.4,
    run: (stage, _page, what, amount) => stage.drain(what % stage.servers.length, amount * 3),
  },
  {
    name: "set a server's clock",
    weight: 2,
    share: 0.3,
    run: (stage, _page, what, amount) => stage.jump(what % stage.servers.length, (amount - 500) * 10_000),
  },
  {
    name: "crash the broker",
    weight: 3,
    share: 0.35,
    run: ({ broker }, _page, _what, amount) => broker.crash(20 + amount * 4),
  },
  {
    name: "shake the broker",
    weight: 3,
    share: 0.35,
    run: ({ broker }, _page, _what, amount) => broker.shake(100 + amount * 4),
  },
  {
    name: "fail a commit",
    weight: 4,
    share: 0.3,
    run: ({ broker, world }, _page, _what, amount) => {
      // The first of the next moments in which one is due.
      for (let later = 0; later < 10; later++) world.after(later * (1 + (amount % 20)), () => broker.failCommit());
    },
  },
  {
    // Some of a long line of publishes fail, while others are still on their way and answers are still missing.
    name: "burst into failing commits",
    weight: 4,
    share: 0.6,
    run: ({ broker, world }, page, what, amount) => {
      for (let count = 0; count <= 12 + (amount % 30); count++) page.publish(logOf(what), PADDINGS[what % 4] ?? 0);
      for (let later = 1; later < 8; later++) world.after(later * (2 + (amount % 60)), () => broker.failCommit());
      // Those that come later must not overtake those that wait for another attempt.
      const again = (): void => {
        if (!page.isGone) page.publish(logOf(what), 0);
      };
      for (let later = 1; later < 5; later++) world.after(later * (100 + (amount % 300)), again);
    },
  },
  {
    // The commit that it dies in the middle of is not an empty one.
    name: "crash the broker in a commit",
    weight: 2,
    share: 0.3,
    run: ({ broker, world }, page, what, amount) => {
      for (let count = 0; count <= amount % 6; count++) page.publish(logOf(what), 0);
      const crash = (tries: number): void => {
        if (!broker.isIdle || tries === 0) broker.crash(20 + amount * 3);
        else world.after(1, () => crash(tries - 1));
      };
      crash(400);
    },
  },
  {
    name: "set the broker's clock",
    weight: 2,
    share: 0.15,
    run: (stage, _page, what, amount) => stage.jumpBroker((what % 2 === 0 ? 1 : -1) * amount * 4),
  },
  {
    name: "partition a server",
    weight: 3,
    share: 0.4,
    run: ({ broker, servers, world }, _page, what, amount) => {
      const server = servers[what % servers.length];
      if (server === undefined || server.machine.isStopped) return;
      world.count("servers partitioned");
      broker.linkOf(server.machine)?.partition(50 + amount * 6);
    },
  },
  {
    name: "cut a server off the broker",
    weight: 3,
    share: 0.4,
    run: ({ broker, servers, world }, page, what, amount) => {
      const server = servers[what % servers.length];
      if (server === undefined || server.machine.isStopped) return;
      for (let count = 0; count <= amount % 4; count++) page.publish(logOf(what), PADDINGS[count] ?? 0);
      world.count("broker connections cut");
      world.after(amount % 7, () => broker.linkOf(server.machine)?.cut());
    },
  },
  {
    name: "stall a server's way to the broker",
    weight: 2,
    share: 0.3,
    run: (stage, page, what, amount) => {
      const { broker, servers, world } = stage;
      const server = servers[what % servers.length];
      if (server === undefined || server.machine.isStopped) return;
      world.count("broker connections stalled");
      broker.linkOf(server.machine)?.stall(100 + amount * 5);
      if (amount % 4 < 3) goElsewhere(stage, page, server.name, amount);
    },
  },
  {
    // Shorter than a lease, mostly: it comes back and finds its entries where they were.
    name: "a server stands still",
    weight: 2,
    share: 0.3,
    run: (stage, _page, what, amount) => stage.standStill(what % stage.servers.length, 200 + amount * 4),
  },
  {
    // Others take it for dead, and end what its sessions own; they live on all the same.
    name: "partition a server for longer than its lease",
    weight: 1,
    share: 0.3,
    run: ({ broker, servers, world }, _page, what, amount) => {
      const server = servers[what % servers.length];
      if (server === undefined || server.machine.isStopped) return;
      world.count("servers taken for dead");
      broker.linkOf(server.machine)?.partition(LEASE_MS + 1_000 + amount * 4);
    },
  },
  {
    name: "trouble deliveries",
    weight: 5,
    share: 0.5,
    run: ({ broker, servers }, _page, what, amount) => {
      const server = servers[what % servers.length];
      const trouble = { lost: (what % 4) / 6, twice: (what % 3) / 6, late: (what % 5) / 8 };
      if (server !== undefined) broker.linkOf(server.machine)?.trouble(trouble, 200 + amount * 6);
    },
  },
  {
    name: "roll back",
    weight: 2,
    share: 0.25,
    run: (stage, _page, what, amount) => {
      stage.broker.rollBack(1 + (amount % 25), what % 5 === 0 ? ["log", "state"] : ["log"], what % 2 === 0);
      // Its places are soon taken by others: that is what makes it dangerous.
      for (let count = 0; count < amount % 8; count++) stage.publish(logOf(what + count));
    },
  },
  { name: "wipe", weight: 1, share: 0.05, run: ({ broker }, _page, what) => broker.wipe(what % 2 === 0) },
];
