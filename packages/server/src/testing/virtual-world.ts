import { hash } from "node:crypto";
import type { Ports, Timer } from "../core/ports.ts";
import { Alarms } from "./alarms.ts";

/** Settings of a {@link VirtualWorld}. */
export interface VirtualWorldOptions {
  /** Everything random comes from it: the same seed makes the same world. Default 1. */
  readonly seed?: number;
  /** What the wall clock says at the start, in milliseconds since 1970. Default: some day in 2026. */
  readonly wallMs?: number;
}

/** Ticks in which a world must come to rest; beyond, two parties keep each other busy for ever. */
const TICKS_MAX = 100_000;
const START_WALL_MS = 1_790_000_000_000;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/**
 * A world for {@link Ports} in which time stands still until it is told to go on, and chance comes from a seed: for
 * tests that run hours in milliseconds and fail the same way each time. Nothing happens by itself: `settle` ends the
 * tick, `advance` moves the clocks and rings the timers on the way.
 */
export class VirtualWorld implements Ports {
  #nowMs = 0;
  #wallOffsetMs: number;
  #chance: number;
  #ticks: (() => void)[] = [];
  readonly #alarms = new Alarms();

  constructor({ seed = 1, wallMs = START_WALL_MS }: VirtualWorldOptions = {}) {
    this.#chance = seed | 0;
    this.#wallOffsetMs = wallMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#wallOffsetMs + this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#alarms.set(this.#nowMs + Math.max(0, delayMs), callback);
  }

  endOfTick(callback: () => void): void {
    this.#ticks.push(callback);
  }

  random(): number {
    return this.#draw() / 2 ** 32;
  }

  id(): string {
    let id = "";
    for (let bits = 0; id.length < 22; bits = Math.floor(bits / 64)) {
      if (id.length % 5 === 0) bits = this.#draw();
      id += ALPHABET.charAt(bits % 64);
    }
    return id;
  }

  hash(data: string | Uint8Array): string {
    return hash("sha256", data, "base64url").slice(0, 11);
  }

  digest(data: string): string {
    return hash("sha256", data, "base64url");
  }

  /** How many timers are set. */
  get timers(): number {
    return this.#alarms.size;
  }

  /** The wall clock is set by this much; no timer notices. */
  shiftWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** The process stood still for so long: its clock went on, and its timers ring late, with the next `advance`. */
  standStill(ms: number): void {
    this.#nowMs += ms;
  }

  /** Ends the tick, and those that follow from it, until nothing is left to do. Throws if that never comes. */
  settle(): void {
    for (let count = 0; this.#ticks.length > 0; count++) {
      if (count === TICKS_MAX) throw new Error(`Expected rest within ${TICKS_MAX} ticks.`);
      const ticks = this.#ticks;
      this.#ticks = [];
      for (const tick of ticks) tick();
    }
  }

  /** Lets time pass: timers ring at their time and in order, and each ends its tick. */
  advance(ms: number): void {
    this.settle();
    const untilMs = this.#nowMs + ms;
    for (let due = this.#alarms.takeDue(untilMs); due !== null; due = this.#alarms.takeDue(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.callback();
      this.settle();
    }
    this.#nowMs = untilMs;
  }

  /** 32 bits of Mulberry32 (Tommy Ettinger): small, fast, and good enough for anything but secrets. */
  #draw(): number {
    this.#chance = (this.#chance + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#chance ^ (this.#chance >>> 15), this.#chance | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return (bits ^ (bits >>> 14)) >>> 0;
  }
}
