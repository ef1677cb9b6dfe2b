import { useEffect, useState, type ReactNode } from "react";

/** A notice is shown for this long, in milliseconds. */
const SHOWN_MS = 4_000;

const target = new EventTarget();

/** Says something in passing: that a link was copied, that something failed. */
export function notify(text: string): void {
  target.dispatchEvent(new CustomEvent("notice", { detail: text }));
}

/** Where notices are shown, and told to screen readers. */
export function Notices(): ReactNode {
  const [text, setText] = useState("");
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const told = (event: Event): void => {
      const detail: unknown = event instanceof CustomEvent ? event.detail : "";
      setText(String(detail));
      clearTimeout(timer);
      timer = setTimeout(() => setText(""), SHOWN_MS);
    };
    target.addEventListener("notice", told);
    return () => {
      clearTimeout(timer);
      target.removeEventListener("notice", told);
    };
  }, []);
  return (
    <div className="notices" role="status">
      {text !== "" && <span className="notice">{text}</span>}
    </div>
  );
}
