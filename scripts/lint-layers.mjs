// The rules of the house that oxlint can't express: the table of layers (layers.mjs), by resolved path and apart for
// types and values; and the syntax of the synchronous core (core-syntax.mjs). Prints one line for each offence.
//
//   node scripts/lint-layers.mjs [root]
//
// Tests may import what they like of their own package; the boundary of a package holds for them too.

import { parseSync } from "oxc-parser";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join, posix } from "node:path";
import { coreOffences, moduleStateOffences } from "./core-syntax.mjs";
import { CONCRETE_BACKPLANES, layerOf } from "./layers.mjs";
import { root as ownRoot } from "./process.mjs";
import { walk } from "./walk-syntax.mjs";

/**
 * @typedef {import("./layers.mjs").Layer} Layer
 * @typedef {{ at: number, text: string }} Offence `at` is an offset into the source
 * @typedef {{ specifier: string, isType: boolean, at: number }} Import
 */

const FOLDERS = ["packages", "apps", "examples", "bench", "test"];
const SOURCE = /\.(?:tsx?|mts|mjs|js)$/;
const TEST = /\.test(?:-d)?\.tsx?$|^packages\/[^/]+\/test\//;
const SKIPPED = new Set(["node_modules", "dist", "coverage"]);

/**
 * @param {string} root
 * @param {string} folder below the root, with forward slashes
 * @returns {string[]} its sources, below the root, with forward slashes
 */
function sourcesIn(root, folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : sourcesIn(root, path);
    return SOURCE.test(entry.name) ? [path] : [];
  });
}

/**
 * Every import of a module, re-exports, `import()` and `import("x").T` included.
 * @param {any} program
 * @returns {Import[]}
 */
function importsOf(program) {
  /** @type {Import[]} */
  const found = [];
  walk(program, (node) => {
    const source = node.source?.type === "Literal" ? node.source : node.argument;
    const specifier = source?.value;
    if (typeof specifier !== "string") return;
    const at = node.start;
    if (node.type === "ImportDeclaration") found.push({ specifier, isType: node.importKind === "type", at });
    else if (node.type === "ImportExpression") found.push({ specifier, isType: false, at });
    else if (node.type === "TSImportType") found.push({ specifier, isType: true, at });
    else if (node.type === "ExportNamedDeclaration" || node.type === "ExportAllDeclaration") {
      found.push({ specifier, isType: node.exportKind === "type", at });
    }
  });
  return found;
}

/** @param {string} path @returns {string} the folder of the package that a file belongs to, or "" */
function packageFolderOf(path) {
  return /^packages\/[^/]+/.exec(path)?.[0] ?? "";
}

/**
 * The boundary of a package: others reach it by its name and its exports, whoever they are.
 * @param {string} file
 * @param {string} specifier
 * @returns {string | undefined}
 */
function boundaryOffence(file, specifier) {
  if (/^(?:@carillon\/[^/]+|carillon)\/(?:src|dist)(?:\/|$)/.test(specifier)) {
    return `reaches into a package: ${specifier}; import one of its exports`;
  }
  if (!specifier.startsWith(".")) return undefined;
  const target = posix.join(posix.dirname(file), specifier);
  const owner = packageFolderOf(target);
  if (owner !== "" && owner !== packageFolderOf(file)) {
    return `reaches into the folder of another package: ${target}; import the package by its name`;
  }
  return undefined;
}

/**
 * @param {readonly string[]} allowed
 * @param {string} specifier
 * @returns {boolean}
 */
function allowsPackage(allowed, specifier) {
  return allowed.some((name) =>
    name === "node:" ? specifier.startsWith("node:") : specifier === name || specifier.startsWith(`${name}/`),
  );
}

/**
 * @param {string} file
 * @param {Layer} layer of the file
 * @param {Import} imported
 * @returns {string | undefined}
 */
function layerOffence(file, layer, { specifier, isType }) {
  if (!specifier.startsWith(".")) {
    if (allowsPackage(layer.packages ?? [], specifier)) return undefined;
    const isTypeAllowed = allowsPackage(layer.packageTypes ?? [], specifier);
    if (isTypeAllowed && isType) return undefined;
    return `${layer.path} may not import ${isTypeAllowed ? "values of " : ""}${specifier}`;
  }
  const target = posix.join(posix.dirname(file), specifier);
  const targetLayer = layerOf(target);
  if (targetLayer === undefined) return `${target} belongs to no layer; add its folder to scripts/layers.mjs`;
  const isConcrete = CONCRETE_BACKPLANES.some((prefix) => target.startsWith(prefix));
  if (isConcrete && layer.composes !== true && layer !== targetLayer) {
    return `${target} is a concrete backplane: only the composition root may know it`;
  }
  if (layer === targetLayer || layer.imports?.includes(targetLayer.path)) return undefined;
  const isTypeAllowed = layer.types?.includes(targetLayer.path) === true;
  if (isTypeAllowed && isType) return undefined;
  return `${layer.path} may not import ${isTypeAllowed ? "values of " : ""}${targetLayer.path} (${specifier})`;
}

/**
 * @param {string} file below the root
 * @param {string} text
 * @returns {Offence[]}
 */
function offencesIn(file, text) {
  const { program, errors } = parseSync(file, text);
  const [syntaxError] = errors;
  if (syntaxError) return [{ at: syntaxError.labels[0]?.start ?? 0, text: `does not parse: ${syntaxError.message}` }];
  const imports = importsOf(program);
  /** @type {Offence[]} */
  const offences = [];
  for (const imported of imports) {
    const offence = boundaryOffence(file, imported.specifier);
    if (offence !== undefined) offences.push({ at: imported.at, text: offence });
  }
  if (!/^packages\/[^/]+\/src\//.test(file) || TEST.test(file)) return offences;
  const layer = layerOf(file);
  if (layer === undefined) {
    return [...offences, { at: 0, text: "belongs to no layer; add its folder to scripts/layers.mjs" }];
  }
  for (const imported of imports) {
    const offence = layerOffence(file, layer, imported);
    if (offence !== undefined) offences.push({ at: imported.at, text: offence });
  }
  offences.push(...moduleStateOffences(program));
  if (layer.isSynchronous) offences.push(...coreOffences(program));
  return offences;
}

/** @param {string} text @param {number} at @returns {string} line and column, from 1 */
function placeOf(text, at) {
  const lines = text.slice(0, at).split("\n");
  return `${lines.length}:${(lines.at(-1) ?? "").length + 1}`;
}

const root = process.argv[2] ?? ownRoot;
const files = FOLDERS.flatMap((folder) => sourcesIn(root, folder));
let count = 0;
for (const file of files) {
  const text = readFileSync(join(root, file), "utf8");
  for (const offence of offencesIn(file, text)) {
    count += 1;
    console.log(`${file}:${placeOf(text, offence.at)}: ${offence.text}`);
  }
}
console.log(
  count === 0 ? `${files.length} files keep to their layers.` : `\n${count} offences in ${files.length} files.`,
);
if (count > 0) process.exitCode = 1;
