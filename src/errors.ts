import { maskSecrets } from "./secrets.ts";

/**
 * Every code an error of billhouse can carry. Codes are permanent: scripts compare them, and `docs/errors.md` has one
 * section for each (a test compares the two lists).
 */
export const errorCodes = [
  "CHARGES_REPEATED",
  "CONFIG_EXISTS",
  "CONFIG_INVALID",
  "CREDENTIALS_INVALID",
  "DEMO_FOLDER_FOREIGN",
  "EXPORT_AMBIGUOUS",
  "EXPORT_NOT_FOUND",
  "FILE_CORRUPT",
  "FILE_INVALID",
  "FILE_NOT_FOUND",
  "FOCUS_LOCATION",
  "FOCUS_NAME_TAKEN",
  "FOCUS_SUM_MISMATCH",
  "FOCUS_TABLE_MISSING",
  "INTERRUPTED",
  "KEY_OUTSIDE_PREFIX",
  "LIMIT_EXCEEDED",
  "LOADED_ELSEWHERE",
  "LOCATION_MISMATCH",
  "MANIFEST_INVALID",
  "MONTH_MISMATCH",
  "MONTH_SHRUNK",
  "OBJECT_CHANGED",
  "OUTPUT_FAILED",
  "PARTITION_EXPIRED",
  "PERIOD_MISSING",
  "QUERY_INVALID",
  "ROWS_GONE",
  "ROW_COUNT_MISMATCH",
  "STATE_INVALID",
  "STORAGE_DENIED",
  "STORAGE_NOT_FOUND",
  "STORAGE_UNAVAILABLE",
  "STORAGE_UNSUPPORTED",
  "SUM_MISMATCH",
  "TABLE_UNUSABLE",
  "TYPE_MISMATCH",
  "USAGE_INVALID",
  "VALUE_INVALID",
  "WAREHOUSE_DENIED",
  "WAREHOUSE_FULL",
  "WAREHOUSE_LOCKED",
  "WAREHOUSE_NOT_FOUND",
  "WAREHOUSE_UNAVAILABLE",
  "WAREHOUSE_UNSUPPORTED",
] as const;

/** A permanent error code. */
export type ErrorCode = (typeof errorCodes)[number];

/**
 * The one error class: a failure that users can act on.
 *
 * `message` says what happened and to what, `hint` what to do next; both are full sentences with secrets masked.
 * Anything else that is thrown is a bug and keeps its stack.
 */
export class BillhouseError extends Error {
  override readonly name = "BillhouseError";
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint: string; cause?: unknown }) {
    super(maskSecrets(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = maskSecrets(options.hint);
  }
}

/** The error INTERRUPTED: the signal of the caller, or another process, stopped the work before it finished. */
export function interrupted(
  message: string,
  { hint = "Run again: the unfinished load left nothing behind.", cause }: { hint?: string; cause?: unknown } = {},
): BillhouseError {
  return new BillhouseError("INTERRUPTED", message, { hint, cause });
}

/**
 * An error as plain data, for events and `--json`: `{code, message, hint}`. An error that is not a BillhouseError gets
 * the code `INTERNAL`.
 */
export function describeError(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof BillhouseError) return { code: error.code, message: error.message, hint: error.hint };
  return {
    code: "INTERNAL",
    message: maskSecrets(messageOf(error)),
    hint: "This is a bug: run again with --debug and report what it prints.",
  };
}

/** The message of an error, or of an error-like object that a library throws; anything else as text. */
export function messageOf(error: unknown): string {
  const isLikeError = typeof error === "object" && error !== null && "message" in error;
  return isLikeError && typeof error.message === "string" ? error.message : String(error);
}

/** The first line of a message of a database or a service, cut after 500 characters, to end a sentence with. */
export function firstLine(message: string): string {
  const line = message.split("\n", 1)[0] ?? "";
  return `${line.slice(0, 500).replace(/[.!\s]+$/, "")}.`;
}

/** A value as messages show it: in double quotes, cut after `most` characters, control characters escaped. */
export function quoted(value: string, most = 100): string {
  return JSON.stringify(shortened(value, most));
}

/** A text cut to `most` characters, with `…` in place of the rest. */
export function shortened(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
