import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { launchBrowser } from "../support/browser.ts";
import { ChatPage } from "../support/chat-page.ts";
import { needsChromium } from "../support/needs.ts";
import { ServerProcess } from "../support/server-process.ts";
import { TcpProxy } from "../support/tcp-proxy.ts";

/**
 * The main job on real input: the real command, two Chromium processes, the real page. Ada is connected directly, Bob
 * through a proxy that cuts him off twenty times. Each cut comes in a round of ten messages: four before, three
 * while Bob is away (two of Ada's, one of his own), three when he is back.
 */
const ROUNDS = (
  "reset resumed reset dropped reset resumed reset dropped reset resumed " +
  "reset dropped reset resumed reset dropped reset resumed reset noticed"
).split(" ") as readonly Cut[];

/**
 * `reset`: connections are reset, new ones too, for a while. The others are silent stalls, in which bytes stop and
 * nobody is told: `resumed` goes on after a second, `dropped` ends in a reset after two, `noticed` lasts until the
 * client itself has noticed the silence; what it sent before reaches the server after all, beside what it sends again.
 */
type Cut = "reset" | "resumed" | "dropped" | "noticed";

const MESSAGES = 200;
/** An unclean leave shows after this time, in milliseconds. */
const GRACE_MS = 5_000;
const STALLED_MS: Readonly<Record<"resumed" | "dropped", number>> = { resumed: 1_000, dropped: 2_000 };

describe("two people talk in two browsers", () => {
  const executablePath = needsChromium();
  let proxy: TcpProxy;
  let server: ServerProcess;
  const browsers: Browser[] = [];

  beforeAll(async () => {
    if (executablePath === "") return;
    const target = { host: "127.0.0.1", port: 0 };
    proxy = await TcpProxy.start(target);
    server = await ServerProcess.start({ env: { CARILLON_ORIGINS: `http://127.0.0.1:${proxy.port}` } });
    target.port = server.port;
    for (let index = 0; index < 2; index += 1) browsers.push(await launchBrowser(executablePath));
  });

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await server?.kill();
    await proxy?.close();
  });

  /** A page in a browser of its own. */
  async function join(index: number, name: string, isProxied: boolean): Promise<ChatPage> {
    const context = await browsers[index]!.newContext();
    return ChatPage.open(context, isProxied ? `http://127.0.0.1:${proxy.port}` : server.url, name);
  }

  test("one is cut off twenty times and misses nothing", { timeout: 180_000 }, async () => {
    const ada = await join(0, "Ada", false);
    const bob = await join(1, "Bob", true);
    await expect.poll(() => ada.people()).toEqual(["Ada", "Bob"]);
    const absence = await ada.watchFor("Bob");
    const said: string[] = [];
    const say = async (chat: ChatPage, name: string): Promise<string> => {
      const text = `${name} ${said.length + 1}`;
      said.push(text);
      await chat.say(text);
      return text;
    };
    const cuts: { cut: Cut; awayMs: number; missed: number }[] = [];
    let saidWhileDown = 0;

    for (const cut of ROUNDS) {
      for (let index = 0; index < 2; index += 1) {
        await say(ada, "Ada");
        await say(bob, "Bob");
      }
      await expect.poll(() => bob.texts(), { timeout: 10_000 }).toHaveLength(said.length);

      const missedBefore = (await absence()).times;
      const cutAtMs = performance.now();
      await begin(cut, proxy, bob);
      const shownToBob = await bob.texts();
      await say(ada, "Ada");
      await say(ada, "Ada");
      const own = await say(bob, "Bob");
      // Really away: what Ada has stored does not reach Bob, and what Bob writes does not leave.
      await expect.poll(() => ada.marks()).not.toContain("sending");
      expect(await bob.texts()).toEqual([...shownToBob, own]);
      expect((await bob.marks()).at(-1)).toBe("sending");
      expect(await ada.texts()).not.toContain(own);
      saidWhileDown += 3;
      await end(cut, proxy, bob, cutAtMs);
      await bob.waitForState("connected");
      cuts.push({ cut, awayMs: performance.now() - cutAtMs, missed: (await absence()).times - missedBefore });

      await say(ada, "Ada");
      await say(bob, "Bob");
      await say(bob, "Bob");
    }

    await expect.poll(() => ada.count(), { timeout: 20_000 }).toBe(MESSAGES);
    await expect.poll(() => bob.count(), { timeout: 20_000 }).toBe(MESSAGES);
    await expect.poll(() => bob.marks(), { timeout: 10_000 }).not.toContain("sending");
    const [seenByAda, seenByBob] = [await ada.texts(), await bob.texts()];
    print(cuts, { saidWhileDown, isSame: seenByAda.join() === seenByBob.join(), distinct: new Set(seenByAda).size });

    expect(said).toHaveLength(MESSAGES);
    expect(seenByBob).toEqual(seenByAda);
    expect([...seenByAda].sort()).toEqual([...said].sort());
    for (const name of ["Ada", "Bob"]) {
      const own = (texts: readonly string[]): string[] => texts.filter((text) => text.startsWith(name));
      expect(own(seenByAda), `what ${name} said, in the order in which it was said`).toEqual(own(said));
    }
    expect(new Set([...(await ada.marks()), ...(await bob.marks())])).toEqual(new Set(["sent"]));
    expect(saidWhileDown).toBeGreaterThanOrEqual(40);
    const short = cuts.filter(({ awayMs }) => awayMs < GRACE_MS);
    expect(short.length, "cuts of less than 5 s").toBeGreaterThanOrEqual(15);
    expect(short.filter(({ missed }) => missed > 0)).toEqual([]);
    expect([...ada.problems, ...bob.problems]).toEqual([]);
    await Promise.all([ada.page.context().close(), bob.page.context().close()]);
  });

  test("what people write is shown as text, and stays theirs when the page is loaded again", async () => {
    const mallory = await join(0, `<b onclick="alert(1)">Mallory</b>`, false);
    const hostile = `<img src=x onerror="document.title='owned'"> </p><script>document.title='owned'</script> &amp; \u202e`;
    await mallory.say(hostile);
    await expect.poll(() => mallory.marks()).toEqual(["sent"]);
    await mallory.page.reload();
    await mallory.waitForState("connected");
    await expect.poll(async () => (await mallory.texts()).at(-1)).toBe(hostile.replace("\u202e", ""));
    expect(await mallory.marks()).toEqual(["sent"]);
    expect(await mallory.people()).toEqual([`<b onclick="alert(1)">Mallory</b>`]);
    expect(await mallory.page.locator(".message img, .message script, .message b").count()).toBe(0);
    expect(await mallory.page.title()).not.toContain("owned");
    expect(mallory.problems).toEqual([]);
    await mallory.page.context().close();
  });

  test.for([
    ["whose browser window closes", (chat: ChatPage) => chat.page.context().close()],
    ["whose network goes for good", () => vanish(proxy)],
  ] as const)("somebody %s is gone from the list within six seconds", async ([how, leave]) => {
    const ada = await join(0, "Ada", false);
    const eve = await join(1, "Eve", true);
    await expect.poll(() => ada.people(), { timeout: 10_000 }).toEqual(["Ada", "Eve"]);
    const absence = await ada.watchFor("Eve");
    const leftAtMs = Date.now();
    await leave(eve);
    await expect.poll(absence, { timeout: 10_000 }).toMatchObject({ times: 1 });
    const goneMs = ((await absence()).atMs ?? 0) - leftAtMs;
    console.log(`Somebody ${how} is gone from the list after ${(goneMs / 1000).toFixed(2)} s.`);
    expect(goneMs).toBeLessThanOrEqual(6_000);
    proxy.accept();
    await Promise.all([ada.page.context().close(), eve.page.context().close()]);
  });
});

/** Cuts Bob off. A reset shows at once; a stall does not show at all. */
async function begin(cut: Cut, proxy: TcpProxy, bob: ChatPage): Promise<void> {
  if (cut !== "reset") return proxy.stall();
  proxy.refuse();
  proxy.reset();
  await bob.waitForState("connecting");
}

/** Lets Bob back in. */
async function end(cut: Cut, proxy: TcpProxy, bob: ChatPage, cutAtMs: number): Promise<void> {
  if (cut === "reset") return proxy.accept();
  if (cut === "noticed") await bob.waitForState("connecting");
  else {
    // How long a stall lasts is what is tried here: nothing could be waited for instead.
    const leftMs = cutAtMs + STALLED_MS[cut] - performance.now();
    await new Promise((resolve) => void setTimeout(resolve, Math.max(0, leftMs)));
    if (cut === "dropped") proxy.reset();
  }
  proxy.resume();
  if (cut === "dropped") await bob.waitForState("connecting");
}

function vanish(proxy: TcpProxy): Promise<void> {
  proxy.refuse();
  proxy.reset();
  return Promise.resolve();
}

function print(
  cuts: readonly { cut: Cut; awayMs: number; missed: number }[],
  { saidWhileDown, isSame, distinct }: { saidWhileDown: number; isSame: boolean; distinct: number },
): void {
  console.log(
    `${distinct} different messages, the same in both browsers: ${isSame}; ${cuts.length} cuts; ` +
      `${saidWhileDown} messages sent while one was away`,
  );
  for (const kind of ["reset", "resumed", "dropped", "noticed"] as const) {
    const some = cuts.filter(({ cut }) => cut === kind);
    const longest = Math.max(...some.map(({ awayMs }) => awayMs));
    const missed = some.reduce((sum, cut) => sum + cut.missed, 0);
    console.log(
      `  ${some.length} ${kind}: away for ${(longest / 1000).toFixed(1)} s at most, missing from the list ${missed} times`,
    );
  }
}
