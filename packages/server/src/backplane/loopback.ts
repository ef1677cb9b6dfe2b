import type { BackplaneContext } from "./backplane.ts";
import type { Control } from "./control.ts";

/** The bus of a store that one node has to itself. */
export function loopback({ ports, onControl }: Pick<BackplaneContext, "ports" | "onControl">): Control {
  const since = ports.wallMs();
  let id: string | null = null;
  const node = (): string => (id ??= ports.id());
  return {
    get node() {
      return node();
    },
    send: onControl,
    nodes: (done) => done({ ok: true, value: [{ id: node(), since }] }),
    close: () => {},
  };
}
