import { EventEmitter } from "node:events";
import { describe, expect, test, vi } from "vitest";
import { stopSignal } from "../src/stop-signal.ts";

describe("the wish to stop", () => {
  function wait(): {
    source: EventEmitter;
    force: (code: number) => void;
    clock: { ms: number };
    stopped: Promise<void>;
  } {
    const source = new EventEmitter();
    const force = vi.fn<(code: number) => void>();
    const clock = { ms: 5_000 };
    return { source, force, clock, stopped: stopSignal(source, force, () => clock.ms) };
  }

  test.each(["SIGINT", "SIGTERM"])("is heard as %s", async (signal) => {
    const { source, force, stopped } = wait();
    source.emit(signal, signal);
    await stopped;
    expect(force).not.toHaveBeenCalled();
  });

  test("is the same wish when it comes again within a second, as Ctrl-C does through npm", () => {
    const { source, force, clock } = wait();
    source.emit("SIGINT", "SIGINT");
    source.emit("SIGINT", "SIGINT");
    clock.ms += 1_000;
    source.emit("SIGTERM", "SIGTERM");
    expect(force).not.toHaveBeenCalled();
  });

  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ])("is impatient when %s comes again later", (signal, exitCode) => {
    const { source, force, clock } = wait();
    source.emit("SIGINT", "SIGINT");
    clock.ms += 1_001;
    source.emit(signal, signal);
    expect(force).toHaveBeenCalledExactlyOnceWith(exitCode);
  });
});
