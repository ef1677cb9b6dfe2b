/** Facts as fields; never payloads, tickets, credentials or whole messages. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Where the server says what happened. Methods must not throw. Default of the server: warnings and errors to stderr. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

const ignore = (): void => {};

/** Says nothing: for tests and for applications that log by themselves. */
export const SILENT_LOGGER: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
