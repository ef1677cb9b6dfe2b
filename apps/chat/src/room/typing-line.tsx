import type { ReactNode } from "react";
import { typingText } from "./use-typing.ts";

/** Who writes now. Its place is always there, so that nothing jumps. */
export function TypingLine({ names }: { readonly names: readonly string[] }): ReactNode {
  return (
    <div className="typing" data-typing={names.length}>
      {names.length > 0 && (
        <>
          <span className="dots" aria-hidden="true">
            <i />
            <i />
            <i />
          </span>
          <bdi className="who">{typingText(names)}</bdi>
        </>
      )}
    </div>
  );
}
