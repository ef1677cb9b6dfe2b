import { useLayoutEffect, useRef, type MouseEvent, type ReactNode } from "react";

/**
 * A modal dialog: the browser keeps the focus inside, gives it back, and closes it with Escape. It is open as long as
 * it is rendered. The focus goes to the element with `data-first-focus`, else to the first that takes it.
 */
export function Sheet(props: {
  /** What it is, for screen readers. */
  readonly label: string;
  readonly className?: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}): ReactNode {
  const { label, className = "sheet", onClose, children } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  // In the layout phase: it is closed, and gives the focus back, while it still stands in the document.
  useLayoutEffect(() => {
    const element = dialog.current;
    if (element?.open === false) element.showModal();
    element?.querySelector<HTMLElement>("[data-first-focus]")?.focus();
    return () => element?.close();
  }, []);
  // A press that begins inside, such as a selection of text, and ends on the backdrop closes nothing.
  const pressed = useRef<EventTarget | null>(null);
  const clicked = (event: MouseEvent): void => {
    if (event.target === dialog.current && pressed.current === dialog.current) onClose();
  };
  return (
    <dialog
      ref={dialog}
      className={className}
      aria-label={label}
      onPointerDown={(event) => {
        pressed.current = event.target;
      }}
      onClick={clicked}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      {children}
    </dialog>
  );
}
