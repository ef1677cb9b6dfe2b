import { readFileSync } from "node:fs";
import { it } from "vitest";
import { Simulation } from "./simulation.ts";
import { play } from "./scenario.ts";
const S = JSON.parse(readFileSync("/tmp/scenario.json", "utf8"));
const WHO = process.env["WHO"] ?? "";
it("x", () => {
  const s = new Simulation(S.setting, new Set());
  const orig = s.logs.appended.bind(s.logs);
  s.logs.appended = (r, x) => {
    if (r.id.startsWith(WHO))
      console.log(s.world.monotonicMs(), r.channel, r.id, x.ok ? "ok" + (x.duplicate ? " dup" : "") : x.code);
    orig(r, x);
  };
  s.refused = ((c: any, a: any, code: string) => {
    if (a.id.startsWith(WHO)) console.log(s.world.monotonicMs(), "   refused", c.name, a.id, code);
  }) as any;
  const acc = s.kernel.accept.bind(s.kernel);
  for (const c of s.clients) {
    const o = c.connect.bind(c);
    c.connect = () => {
      if (!c.isOnline) console.log(s.world.monotonicMs(), c.name, "connects");
      o();
    };
    const r = c.read.bind(c);
    c.read = () => {
      const was = c.isOnline;
      const x = r();
      if (was && !c.isOnline) console.log(s.world.monotonicMs(), c.name, "closed");
      return x;
    };
  }
  void acc;
  try {
    play(s, S as any);
  } catch (e) {
    console.log((e as Error).stack);
    for (const c of s.clients) console.log(c.name, c.isConnected, c.isOnline, c.isWaiting, c.unconfirmed, c.connection);
  }
});
