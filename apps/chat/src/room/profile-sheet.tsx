import { useId, useState, type ReactNode } from "react";
import { NAME_MAX, nameProblem, profile, takeName } from "../session/profile.ts";
import { useTheme, type Theme } from "../session/theme.ts";
import { Sheet } from "../ui/sheet.tsx";

const THEMES: readonly (readonly [Theme, string])[] = [
  ["system", "As the device"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Changes one's name, and how the page looks. */
export function ProfileSheet({ onClose }: { readonly onClose: () => void }): ReactNode {
  const id = useId();
  const [name, setName] = useState(profile.get()?.name ?? "");
  const [problem, setProblem] = useState<string | null>(null);
  const [theme, setTheme] = useTheme();
  const submit = (event: { preventDefault(): void }): void => {
    event.preventDefault();
    const wrong = nameProblem(name);
    setProblem(wrong);
    if (wrong === null && takeName(name)) onClose();
  };
  return (
    <Sheet label="Name and appearance" onClose={onClose}>
      <form onSubmit={submit} noValidate>
        <h2>Name and appearance</h2>
        <div className="field">
          <label htmlFor={id}>Your name</label>
          <input
            id={id}
            className="input"
            value={name}
            maxLength={NAME_MAX}
            autoComplete="nickname"
            data-first-focus
            aria-invalid={problem !== null}
            aria-describedby={`${id}-problem`}
            onChange={(event) => setName(event.target.value)}
          />
          <p id={`${id}-problem`} className="problem" role="alert">
            {problem}
          </p>
          <p className="note">Messages that you have sent stay yours; others see the new name from now on.</p>
        </div>
        <div className="field">
          <label htmlFor={`${id}-theme`}>Appearance</label>
          <select
            id={`${id}-theme`}
            className="input"
            value={theme}
            onChange={(event) => setTheme(THEMES.find(([value]) => value === event.target.value)?.[0] ?? "system")}
          >
            {THEMES.map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </div>
        <div className="actions">
          <button type="button" className="button" onClick={onClose}>
            Cancel
          </button>
          <button type="submit" className="button primary">
            Save
          </button>
        </div>
      </form>
    </Sheet>
  );
}
