// Walking a syntax tree of oxc-parser.

import { visitorKeys } from "oxc-parser";

/**
 * Calls `visit` for a node and everything below it, parents first.
 * @param {any} node
 * @param {(node: any) => void} visit
 */
export function walk(node, visit) {
  visit(node);
  for (const key of visitorKeys[node.type] ?? []) {
    const child = node[key];
    if (Array.isArray(child)) {
      for (const item of child) if (item) walk(item, visit);
    } else if (child) {
      walk(child, visit);
    }
  }
}
