/** Where a server that a test starts runs. */
export interface ServerPlace {
  /** The address that it is asked at by whoever started it. */
  readonly host: string;
  /** The address that it listens on: `0.0.0.0` where it has several. */
  readonly bind: string;
  readonly port: number;
  /** Put before the command that starts it: `ip netns exec …`. Empty: nothing. */
  readonly command: readonly string[];
  /** The file that what it prints is added to; null: nowhere. */
  readonly log: string | null;
}
