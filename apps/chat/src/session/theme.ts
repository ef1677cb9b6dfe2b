import { useSyncExternalStore } from "react";
import { storedValue } from "./stored-value.ts";

/** How the page looks; `system`: as the rest of the machine. */
export type Theme = "system" | "light" | "dark";

const theme = storedValue<Theme>({
  key: "carillon.theme",
  read: (stored) => (stored === "light" || stored === "dark" ? stored : "system"),
});

/** Puts the theme in force, now and when it changes here or in another tab. */
export function followTheme(): void {
  const apply = (): void => {
    const chosen = theme.get();
    if (chosen === "system") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = chosen;
  };
  apply();
  theme.subscribe(apply);
}

/** Follows the theme. */
export function useTheme(): readonly [Theme, (theme: Theme) => void] {
  return [useSyncExternalStore(theme.subscribe, theme.get), theme.set];
}
