import type { LogFields, Logger } from "../core/logger.ts";

/** Characters that would break or forge a line of a log. */
const UNFIT_FOR_LINES = /[\p{Cc}\p{Zl}\p{Zp}]/gu;
/** Longest value of a field in a line. */
const VALUE_MAX = 500;

/** Writes warnings and errors to standard error, a line each; with `isVerbose`, everything. */
export function consoleLogger({ isVerbose = false }: { readonly isVerbose?: boolean } = {}): Logger {
  return {
    debug: (message, fields) => isVerbose && write("debug", message, fields),
    info: (message, fields) => isVerbose && write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

function write(level: string, message: string, fields: LogFields = {}): void {
  const parts = Object.entries(fields).map(([name, value]) => `${name}=${clean(String(value))}`);
  process.stderr.write(`${new Date().toISOString()} ${level} ${[clean(message), ...parts].join(" ")}\n`);
}

function clean(text: string): string {
  return text.slice(0, VALUE_MAX).replace(UNFIT_FOR_LINES, " ");
}
