// What tests and the cluster example need from the operating system. As root on Debian it is installed; elsewhere this
// says what to install and what is missing without it. Plain Node: it runs before anything is installed.

import { readFileSync } from "node:fs";
import { findChromium } from "./chromium.mjs";
import { capture, elapsed } from "./process.mjs";

/**
 * @typedef {object} SystemPackage
 * @property {string} name the Debian package
 * @property {string} elsewhere what to install on other systems
 * @property {string} without what happens to the tests if it is missing
 * @property {() => boolean} isPresent
 */

/** @type {readonly SystemPackage[]} */
const PACKAGES = [
  {
    name: "chromium",
    elsewhere: "Chromium or Google Chrome (or set CARILLON_CHROMIUM to its path)",
    without: "the browser suites are skipped",
    isPresent: () => findChromium() !== undefined,
  },
  {
    name: "nats-server",
    elsewhere: "nats-server 2.9 or newer",
    without: "the suites of the NATS backplane are skipped",
    isPresent: () => capture("nats-server", ["--version"]).isOk,
  },
  {
    name: "fonts-noto-color-emoji",
    elsewhere: "a font with colour emoji, such as Noto Color Emoji",
    without: "emoji are boxes in screenshots; no suite is skipped",
    // Other systems bring a font of their own.
    isPresent: () =>
      process.platform !== "linux" || capture("fc-list", [":lang=und-zsye", "family"]).stdout.trim() !== "",
  },
  {
    name: "redis-server",
    elsewhere: "Redis 7 or newer (redis-server and redis-cli in the path)",
    without: "the suites of the Redis backplane are skipped",
    isPresent: () => capture("redis-server", ["--version"]).isOk,
  },
  {
    name: "haproxy",
    elsewhere: "HAProxy 2.4 or newer",
    without: "the cluster example does not start, and its suites are skipped",
    isPresent: () => capture("haproxy", ["-v"]).isOk,
  },
  ...[
    { name: "iproute2", command: ["ip", "-Version"] },
    { name: "iptables", command: ["iptables", "--version"] },
  ].map(({ name, command: [program = "", ...args] }) => ({
    name,
    elsewhere: `${program} (${name})`,
    without: "chaos cuts nodes off from their broker by proxies; no suite is skipped",
    // Other systems have no such network.
    isPresent: () => process.platform !== "linux" || capture(program, args).isOk,
  })),
  {
    name: "nginx",
    elsewhere: "nginx 1.18 or newer",
    without: "the suite of the cluster example's nginx.conf is skipped",
    isPresent: () => capture("nginx", ["-v"]).isOk,
  },
];

/** @returns {boolean} whether this is Debian itself: elsewhere, Ubuntu included, `chromium` is not a plain package. */
function isDebian() {
  try {
    return /^ID="?debian"?$/m.test(readFileSync("/etc/os-release", "utf8"));
  } catch {
    return false;
  }
}

/** Tests start the servers that they need themselves, so none is started as a service: run level 1 has none. */
const APT_ENVIRONMENT = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };

/**
 * @param {readonly string[]} args
 * @returns {boolean} whether apt-get did it; its long report is shown only if it did not
 */
function aptGet(args) {
  const { isOk, output } = capture("apt-get", [...args, "-qq"], { env: APT_ENVIRONMENT });
  if (!isOk) console.log(output.trimEnd());
  return isOk;
}

/** @param {readonly string[]} names @returns {boolean} whether apt installed them all */
function aptInstall(names) {
  const install = () => aptGet(["install", "-y", "--no-install-recommends", ...names]);
  const isKnown = names.every((name) => capture("apt-cache", ["show", name]).isOk);
  if (isKnown && install()) return true;
  // The lists are missing, or so old that the archive no longer holds what they name.
  console.log("Refreshing the package lists (apt-get update).");
  return aptGet(["update"]) && install();
}

/**
 * Installs, or asks for, whatever is missing. Never fails: suites that lack something skip and say so.
 * @param {readonly string[]} wanted names of packages; all, if none are given
 * @returns {boolean} whether everything is there now
 */
export function provideSystemPackages(wanted = []) {
  const packages = PACKAGES.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
  const missing = packages.filter((entry) => !entry.isPresent());
  if (missing.length === 0) return true;
  const names = missing.map((entry) => entry.name);
  if (process.getuid?.() === 0 && isDebian()) {
    console.log(`Installing ${names.join(" and ")} (apt-get); this takes some twenty seconds, once.`);
    const startMs = performance.now();
    if (aptInstall(names)) console.log(`System packages installed in ${elapsed(startMs)}.`);
  }
  const absent = packages.filter((candidate) => !candidate.isPresent());
  for (const entry of absent) {
    console.log(`Missing: ${entry.elsewhere}. On Debian, as root: apt-get install ${entry.name}.`);
    console.log(`  Until it is installed, ${entry.without}.`);
  }
  return absent.length === 0;
}
