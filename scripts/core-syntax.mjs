// The syntax that the synchronous core may not use, and module state, which no package may have. Globals that the core
// may not name (Date, setTimeout, …) are oxlint's business: see .oxlintrc.json.

import { walk } from "./walk-syntax.mjs";

/** @typedef {{ at: number, text: string }} Offence */

const PROMISE_METHODS = new Set(["then", "catch", "finally"]);
const CONTAINERS = new Set(["Map", "Set", "WeakMap", "WeakSet", "Array"]);

/**
 * @param {any} node
 * @returns {string | undefined} why the node may not stand in the synchronous core
 */
function coreOffence(node) {
  if (node.async === true) return "the core is synchronous: no async functions; take a port with a callback";
  if (node.await === true && node.type === "ForOfStatement") return "the core is synchronous: no for await";
  switch (node.type) {
    case "AwaitExpression":
      return "the core is synchronous: no await";
    case "ImportExpression":
      return "the core is synchronous: no import()";
    case "CallExpression": {
      const name = node.callee.type === "MemberExpression" ? node.callee.property.name : undefined;
      return PROMISE_METHODS.has(name) ? `the core is synchronous: no .${name}() of a promise` : undefined;
    }
    case "Identifier":
      return node.name === "once" ? "no `once` in the core: keep the removal and call it" : undefined;
    default:
      return undefined;
  }
}

/**
 * @param {any} program
 * @returns {Offence[]}
 */
export function coreOffences(program) {
  /** @type {Offence[]} */
  const offences = [];
  walk(program, (node) => {
    const text = coreOffence(node);
    if (text !== undefined) offences.push({ at: node.start, text });
  });
  return offences;
}

/**
 * An empty container is there to be filled; one with contents is a table.
 * @param {any} value the initial value of a variable or a field
 * @returns {boolean}
 */
function isEmptyContainer(value) {
  if (!value) return false;
  if (value.type === "ArrayExpression") return value.elements.length === 0;
  if (value.type === "ObjectExpression") return value.properties.length === 0;
  return value.type === "NewExpression" && CONTAINERS.has(value.callee.name) && value.arguments.length === 0;
}

/**
 * A named type that is not itself a container is trusted to be a read-only one, such as `ReadonlySet<Fault>`.
 * @param {any} annotation
 * @returns {boolean}
 */
function isReadonlyType(annotation) {
  const type = annotation?.typeAnnotation;
  if (type?.type === "TSTypeOperator") return type.operator === "readonly";
  return type?.type === "TSTypeReference" && !CONTAINERS.has(type.typeName.name);
}

/** @param {any} declaration @returns {Offence[]} */
function variableOffences(declaration) {
  if (declaration.declare === true) return [];
  if (declaration.kind !== "const") {
    return [{ at: declaration.start, text: `no mutable module state: \`${declaration.kind}\` at the top level` }];
  }
  return declaration.declarations
    .filter((/** @type {any} */ { id, init }) => isEmptyContainer(init) && !isReadonlyType(id.typeAnnotation))
    .map((/** @type {any} */ { start }) => ({
      at: start,
      text: "no mutable module state: an empty container at the top level",
    }));
}

/**
 * State that lives as long as the module: two servers in one process would share it, and a simulator could not repeat
 * a run.
 * @param {any} program
 * @returns {Offence[]}
 */
export function moduleStateOffences(program) {
  /** @type {Offence[]} */
  const offences = [];
  for (const statement of program.body) {
    const declaration = statement.type === "ExportNamedDeclaration" ? statement.declaration : statement;
    if (declaration?.type === "VariableDeclaration") offences.push(...variableOffences(declaration));
  }
  walk(program, (node) => {
    if (node.type !== "PropertyDefinition" || node.static !== true) return;
    if (node.readonly === true && !isEmptyContainer(node.value)) return;
    offences.push({ at: node.start, text: "no mutable module state: a static field that can change" });
  });
  return offences;
}
