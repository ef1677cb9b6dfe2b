import type { ReactNode } from "react";

/** Pictures, drawn on a field of 20 by 20 with a line of 1.6. */
const PATHS = {
  alert: "M10 6.5v4M10 13.6v.1M10 2.8 17.8 16.500H2.200Z",
  arrowDown: "M10 4v12M5 11l5 5 5-5",
  check: "M4 10.500 8 14.500 16 6",
  clock: "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM10 6v4.200l2.700 1.600",
  close: "M5 5l10 10M15 5 5 15",
  edit: "M4 16l.8-3.400L13.200 4.200a1.600 1.600 0 0 1 2.300 0l.3.3a1.600 1.600 0 0 1 0 2.300L7.400 15.200Z",
  link: "M8.500 11.500a3 3 0 0 0 4.300 0l2.900-2.900a3 3 0 0 0-4.300-4.300l-1 1M11.500 8.500a3 3 0 0 0-4.300 0l-2.900 2.900a3 3 0 0 0 4.300 4.300l1-1",
  memory:
    "M5.500 5.500h9v9h-9ZM8 2.500v3M12 2.500v3M8 14.500v3M12 14.500v3M2.500 8h3M2.500 12h3M14.500 8h3M14.500 12h3",
  menu: "M3.500 6h13M3.500 10h13M3.500 14h13",
  people:
    "M7.500 9.500a2.700 2.700 0 1 0 0-5.400 2.700 2.700 0 0 0 0 5.400ZM2.500 16c.3-2.700 2.200-4.200 5-4.200s4.700 1.500 5 4.200M13 9.300a2.400 2.400 0 0 0 0-4.700M14.700 11.900c1.700.5 2.600 1.900 2.800 4.100",
  plus: "M10 4v12M4 10h12",
  reply: "M8 5 3.500 9.500 8 14M3.500 9.500H12c2.800 0 4.500 1.700 4.500 5v1",
  send: "M3.500 10 16.500 4l-4 12.500-3-5.500ZM9.500 11l7-7",
  settings:
    "M3.500 6.500h7M14.500 6.500h2M12.500 8.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM3.500 13.500h2M9.500 13.500h7M7.500 15.500a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  smile:
    "M10 17a7 7 0 1 0 0-14 7 7 0 0 0 0 14ZM7.200 11.500c.6 1.300 1.600 1.900 2.800 1.900s2.200-.6 2.800-1.900M7.700 8v.1M12.300 8v.1",
  trash: "M4 6h12M8 6V4h4v2M5.500 6l.7 10h7.600l.7-10",
} as const;

/** Name of a picture. */
export type IconName = keyof typeof PATHS;

/** A picture beside words, or in a button with a label: nothing for a screen reader. */
export function Icon({ name }: { readonly name: IconName }): ReactNode {
  return (
    <svg
      width="20"
      height="20"
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      strokeWidth="1.6"
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The bell. */
export function Bell({ size = 28 }: { readonly size?: number }): ReactNode {
  return <img src="/favicon.svg" width={size} height={size} alt="" />;
}
