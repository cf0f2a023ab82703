import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { BillhouseError } from "../errors.ts";
import { createCsvScanner } from "./csv.ts";

/** A list that people keep in a CSV file: accounts, budgets, invoices. */
export interface TextList {
  /** The file's name, for errors. */
  readonly name: string;
  readonly header: readonly string[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly line: number }[];
}

/** What a list is, for its errors. */
export interface ListKind {
  /** `list of accounts`. */
  readonly title: string;
  /** The most lines below the header. */
  readonly most: number;
  /** Which lines to keep where there are more. */
  readonly keep: string;
  /** What to do where the file cannot be read. */
  readonly correct: string;
}

/** Reads a list from a file. Errors: FILE_NOT_FOUND, and those of `parseList`. */
export async function readList(path: string, kind: ListKind): Promise<TextList> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new BillhouseError("FILE_NOT_FOUND", `The ${kind.title} ${path} cannot be read.`, {
      hint: kind.correct,
      cause,
    });
  });
  return parseList(basename(path), bytes, kind);
}

/** The lines of a list. Errors: LIMIT_EXCEEDED; FILE_INVALID for what is not CSV, with the line. */
export function parseList(name: string, bytes: Uint8Array, { most, keep }: Pick<ListKind, "most" | "keep">): TextList {
  const rows: { readonly cells: readonly string[]; readonly line: number }[] = [];
  let header: readonly string[] = [];
  const scanner = createCsvScanner(name, {
    header(names) {
      header = [...names];
      return header.map((_, position) => position);
    },
    row(cells, line) {
      if (rows.length === most) {
        throw new BillhouseError("LIMIT_EXCEEDED", `${name} has more than ${most} lines.`, { hint: keep });
      }
      rows.push({ cells: [...cells], line });
    },
  });
  try {
    scanner.write(Buffer.from(bytes));
    scanner.end();
  } catch (error) {
    if (!(error instanceof BillhouseError) || error.code === "LIMIT_EXCEEDED") throw error;
    // The hint of the scanner is for files that clouds write.
    throw new BillhouseError(error.code, error.message, {
      hint: "Each line must have as many fields as the header. Put a field with a comma in double quotes, and write amounts without thousands separators.",
      cause: error,
    });
  }
  return { name, header, rows };
}
