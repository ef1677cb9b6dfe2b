/**
 * `npm run screenshots`: pictures of the chat into docs/screenshots, from real pages of the real command: the way in, a
 * room with three people, two days, a long word, a gap and emoji, and the same room without a connection. Each at
 * 390 and 1440 pixels, light and dark. Needs what `npm run build` makes.
 */
import { chromium, type Page } from "playwright-core";
import { fileURLToPath } from "node:url";
import { ChatPage } from "../test/support/chat-page.ts";
import { ChatSpeaker } from "../test/support/chat-speaker.ts";
import { ServerProcess } from "../test/support/server-process.ts";
import { findChromium } from "./chromium.mjs";

const FOLDER = fileURLToPath(new URL("../docs/screenshots/", import.meta.url));
const CLOCK = new URL("./shifted-clock.mjs", import.meta.url).href;
const SIZES = [
  { width: 390, height: 844 },
  { width: 1440, height: 900 },
];
const LONG_WORD = `Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft${"-und-so-weiter".repeat(6)}`;

const executablePath = findChromium();
if (executablePath === undefined) throw new Error("Chromium is not installed; `npm test` says how to install it.");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const context = await browser.newContext({ reducedMotion: "reduce", locale: "en-GB" });
let server = await ServerProcess.start({ env: { NODE_OPTIONS: `--import=${CLOCK}` } });

// Yesterday: Ada and Lin.
const lin = new ChatSpeaker(server.url, "Lin");
await lin.client.channel("chat:lobby").presence.enter({ name: "Lin" });
const ada = await ChatPage.open(context, server.url, "Ada");
await lin.say("lobby", "The tower opens at nine tomorrow. Who brings the score?");
await ada.say("I do. It’s this one: https://example.org/scores/prelude-in-c");
await lin.say("lobby", "Wonderful 🎉");
await lin.say("lobby", "🔔🔔🔔");
await settled(ada.page);

// Today, a word that is too long for any line, and then a server that comes back with nothing.
server.signal("SIGUSR2");
await settled(ada.page);
await ada.say(`The sign at the door says ${LONG_WORD}`);
await settled(ada.page);
const port = String(server.port);
await server.kill();
server = await ServerProcess.start({ env: { PORT: port } });
await ada.waitForState("connected");
const grace = new ChatSpeaker(server.url, "Grace");
await grace.client.channel("chat:lobby").presence.enter({ name: "Grace" });
const user = await userOf(grace, "Ada");
const asked = "Sorry, that was me: I restarted the server 😅";
await grace.say("lobby", asked);
await grace.client.channel("chat:lobby").publish({
  name: "Grace",
  text: "@Ada, do you have the key?\nThe big one, with the red ribbon.",
  mentions: [{ user, name: "Ada" }],
});
await settled(ada.page);
await react(ada.page, asked, ["React with 😂", "React with ❤️"]);
await ada.page.locator(".message", { hasText: "do you have the key?" }).hover();
await ada.page.getByRole("button", { name: "Reply" }).click();
await ada.say("In my pocket 🗝️ See you at the top!");
await ada.page.mouse.move(0, 0);
await ada.page.waitForSelector('.message[data-own][data-status="sent"]');
await grace.client.channel("typing:lobby").set({ name: "Grace" });
await ada.page.waitForSelector('.typing[data-typing="1"]');
await ada.page.waitForSelector(".banner", { state: "detached" });
await takePictures(ada.page, "room", () => grace.client.channel("typing:lobby").set({ name: "Grace" }));

// The way in, seen by somebody who comes now.
const guest = await (await browser.newContext({ reducedMotion: "reduce" })).newPage();
await guest.goto(`${server.url}/`);
await guest.waitForSelector(".join-room .avatar");
await takePictures(guest, "join");
await guest.close();

// No connection.
grace.close();
lin.close();
await server.kill();
await ada.waitForState("connecting");
await ada.say("The lift is stuck, so is my phone.");
await ada.page.waitForSelector('.banner[data-connection="offline"]');
await takePictures(ada.page, "offline");
await browser.close();
console.log(`Pictures are in docs/screenshots.`);

/** A picture for each size, light and dark. */
async function takePictures(
  page: Page,
  name: string,
  before: () => Promise<unknown> = () => Promise.resolve(),
): Promise<void> {
  for (const size of SIZES) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme });
      await before();
      await settled(page);
      await page.screenshot({ path: `${FOLDER}${name}-${size.width}-${colorScheme}.png` });
    }
  }
}

/** Two frames: what came is rendered, and the list is where it wants to be. */
async function settled(page: Page): Promise<void> {
  await page.waitForTimeout(300);
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
}

async function react(page: Page, text: string, buttons: readonly string[]): Promise<void> {
  const row = page.locator(".message", { hasText: text });
  for (const name of buttons) {
    await row.hover();
    await row.getByRole("button", { name }).click();
  }
}

/** Id of somebody in the lobby. */
async function userOf(speaker: ChatSpeaker, name: string): Promise<string> {
  const { presence } = speaker.client.channel("chat:lobby");
  await presence.subscribe();
  for (;;) {
    const found = presence.members.find(({ info }) => info.name === name);
    if (found !== undefined) return found.user;
    await new Promise((resolve) => void setTimeout(resolve, 50));
  }
}
