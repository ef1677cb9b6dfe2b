import type { LogFields, Logger } from "../core/logger.ts";

/** Characters that would break or forge a line of a log. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;
/** Longest value of a field in a line. */
const VALUE_MAX = 500;

/** Writes warnings and errors to standard error, a line each; with `isVerbose`, everything. */
export function consoleLogger({ isVerbose = false }: { readonly isVerbose?: boolean } = {}): Logger {
  const write = (level: string, message: string, fields: LogFields = {}): void => {
    const parts = Object.entries(fields).map(([name, value]) => `${name}=${clean(String(value))}`);
    process.stderr.write(`${new Date().toISOString()} ${level} ${[clean(message), ...parts].join(" ")}\n`);
  };
  const ignore = (): void => {};
  return {
    debug: isVerbose ? (message, fields) => write("debug", message, fields) : ignore,
    info: isVerbose ? (message, fields) => write("info", message, fields) : ignore,
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

function clean(text: string): string {
  return text.slice(0, VALUE_MAX).replace(CONTROL, " ");
}
