import { ChatPage } from "./chat-page.ts";
import { ChatSpeaker } from "./chat-speaker.ts";
import { launchBrowser } from "./browser.ts";
import { pageMemory, traceMainThread, type MainThreadFigures, type PageMemory } from "./main-thread.ts";
import { ServerProcess } from "./server-process.ts";

/** How much is put on the chat. */
export interface ChatLoad {
  readonly executablePath: string;
  /** Messages that the room has when the page opens. */
  readonly messages: number;
  readonly perSecond: number;
  readonly durationMs: number;
  /** Memory is measured so often meanwhile, in milliseconds. */
  readonly sampleMs: number;
}

/** What came of it. */
export interface ChatLoadFigures {
  /** While messages arrive and the end is read. */
  readonly following: MainThreadFigures;
  /** While messages arrive and somebody scrolls back and forth. */
  readonly scrolling: MainThreadFigures;
  readonly memory: readonly PageMemory[];
  /** Messages in the document at the end. */
  readonly rendered: number;
}

const ROOM = "busy";
/** Messages come for so long before anything is measured: the list and its bounds are full then. */
const WARM_UP_MS = 25_000;

/** Those who fill a room: the server takes only so many messages a second from one. */
const FILLERS = 5;

/** Opens a full room in a browser and lets messages pour into it. */
export async function measureChat(load: ChatLoad): Promise<ChatLoadFigures> {
  const server = await ServerProcess.start();
  const browser = await launchBrowser(load.executablePath);
  const speaker = new ChatSpeaker(server.url, "Grace");
  try {
    await fill(server.url, load.messages);
    const context = await browser.newContext();
    const chat = await ChatPage.open(context, server.url, "Ada", `/r/${ROOM}`);
    const session = await context.newCDPSession(chat.page);
    speaker.drip(ROOM, load.perSecond, textOf);
    await chat.page.waitForTimeout(Math.min(WARM_UP_MS, load.durationMs));
    const memory = [await pageMemory(session)];
    const rounds = Math.max(1, Math.round(load.durationMs / load.sampleMs));
    let following: MainThreadFigures | null = null;
    for (let round = 0; round < rounds; round += 1) {
      const figures = await traceMainThread(browser, chat.page, () => chat.page.waitForTimeout(load.sampleMs));
      following = following === null ? figures : merge(following, figures);
      memory.push(await pageMemory(session));
    }
    if ((await chat.page.locator(".jump").count()) > 0) throw new Error("The list does not go along with what comes.");
    const scrolling = await traceMainThread(browser, chat.page, () => scroll(chat));
    const rendered = await chat.count();
    return { following: following ?? scrolling, scrolling, memory, rendered };
  } finally {
    speaker.close();
    await browser.close();
    await server.kill();
  }
}

async function fill(url: string, messages: number): Promise<void> {
  const speakers = Array.from({ length: FILLERS }, (_, index) => new ChatSpeaker(url, `Grace ${index + 1}`));
  try {
    await Promise.all(speakers.map((speaker) => speaker.fill(ROOM, Math.ceil(messages / FILLERS), textOf)));
  } finally {
    for (const speaker of speakers) speaker.close();
  }
}

/** Up through several pages of history, and back to the end. */
async function scroll(chat: ChatPage): Promise<void> {
  await chat.page.mouse.move(640, 300);
  for (let turn = 0; turn < 60; turn += 1) {
    await chat.page.mouse.wheel(0, -900);
    await chat.page.waitForTimeout(50);
  }
  await chat.page.locator(".jump").click();
  await chat.page.waitForSelector(".jump", { state: "detached" });
  await chat.page.waitForTimeout(500);
}

function merge(one: MainThreadFigures, other: MainThreadFigures): MainThreadFigures {
  return {
    tasks: one.tasks + other.tasks,
    busy: (one.busy + other.busy) / 2,
    longestMs: Math.max(one.longestMs, other.longestMs),
    longestOwnMs: Math.max(one.longestOwnMs, other.longestOwnMs),
    longMs: [...one.longMs, ...other.longMs].sort((a, b) => b - a),
  };
}

/** Texts of many lengths, with something to find in every tenth. */
function textOf(index: number): string {
  const words = "the bells rang over the town and people came out to listen ".repeat(1 + (index % 5));
  return index % 10 === 0 ? `${words} https://example.org/${index} 🔔` : words;
}

/** The figures in lines. */
export function printChatLoad({ messages, perSecond, durationMs }: ChatLoad, figures: ChatLoadFigures): string {
  const { following, scrolling, memory, rendered } = figures;
  const tasks = ({ longestMs, longestOwnMs, busy, longMs, tasks: count }: MainThreadFigures): string =>
    `longest task ${longestMs.toFixed(1)} ms (${longestOwnMs.toFixed(1)} ms of processor time), ` +
    `${longMs.length} of 50 ms or more, ${count} in all, busy ${(100 * busy).toFixed(1)} %`;
  const heaps = memory.map(({ heapBytes }) => (heapBytes / 1e6).toFixed(1));
  return [
    `${messages} messages in the room, ${perSecond} more a second, ${durationMs / 1_000} s, ${rendered} in the document`,
    `  following:  ${tasks(following)}`,
    `  scrolling:  ${tasks(scrolling)}`,
    `  heap after garbage collection, MB: ${heaps.join(" ")}`,
    `  nodes: ${memory.map(({ nodes }) => nodes).join(" ")}; listeners: ${memory.map(({ listeners }) => listeners).join(" ")}`,
  ].join("\n");
}
