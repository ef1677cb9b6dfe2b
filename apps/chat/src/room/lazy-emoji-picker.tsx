import { lazy, Suspense, type ReactNode } from "react";
import type { EmojiPickerProps } from "./emoji-picker.tsx";

/** The picker and its list of emoji are loaded when they are first wanted. */
const EmojiPicker = lazy(async () => {
  const { EmojiPicker: component } = await import("./emoji-picker.tsx");
  return { default: component };
});

/** Picks one emoji. */
export function LazyEmojiPicker(props: EmojiPickerProps): ReactNode {
  return (
    <Suspense fallback={null}>
      <EmojiPicker {...props} />
    </Suspense>
  );
}
