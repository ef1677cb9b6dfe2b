import type { Answer } from "../../backplane/channel-store.ts";
import type { ClusterNode, Control } from "../../backplane/control.ts";
import type { AskBroker } from "./broker-credentials.ts";
import type { LinkBroker } from "./link-broker.ts";

/**
 * The bus of a broker, as a node reaches it. `send` does not lose what can't be sent for now. A node's own messages come
 * back to it as others' do, which is later than stores promise: what holds here holds there.
 */
export function brokerControl(
  broker: LinkBroker,
  node: string,
  send: (act: () => void) => void,
  ask: AskBroker,
): Control {
  return {
    node,
    send: (message) => send(() => broker.control(message)),
    nodes: (done: (answer: Answer<readonly ClusterNode[]>) => void) =>
      ask(done, (answer) => answer({ ok: true, value: broker.nodes })),
    close: () => {},
  };
}
