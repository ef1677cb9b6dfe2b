/**
 * `npm run bench:chat`: a room of 10,000 messages in Chromium, 50 more a second for two minutes. Prints the longest
 * task of the main thread, by Chromium's tracing, and what the page holds. Ends with 1 when a task took over 100 ms of
 * processor time or memory grew: by the clock, it also counts what other programs do meanwhile, so measure on a calm machine.
 */
import { findChromium } from "../scripts/chromium.mjs";
import { measureChat, printChatLoad } from "../test/support/chat-load.ts";

const executablePath = findChromium();
if (executablePath === undefined) throw new Error("Chromium is not installed; `npm test` says how to install it.");

const load = { executablePath, messages: 10_000, perSecond: 50, durationMs: 120_000, sampleMs: 15_000 };
const figures = await measureChat(load);
console.log(printChatLoad(load, figures));
const [first, ...rest] = figures.memory;
const grownBytes = Math.max(...rest.slice(-3).map(({ heapBytes }) => heapBytes)) - (first?.heapBytes ?? 0);
console.log(`  grown by ${(grownBytes / 1e6).toFixed(1)} MB since messages had come for 25 s`);
const longestOwnMs = Math.max(figures.following.longestOwnMs, figures.scrolling.longestOwnMs);
if (longestOwnMs > 100 || grownBytes > 5e6) process.exitCode = 1;
