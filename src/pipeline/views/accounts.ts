import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { BillhouseError, quoted } from "../../errors.ts";
import { createCsvScanner } from "../../files/csv.ts";
import type { Account } from "../../focus/allocation.ts";

/** The most accounts that a list may have: the views contain it. */
const mostAccounts = 2000;

/**
 * Reads a list of accounts: CSV with the columns `id`, `name`, `owner` and `environment` in any order, of which only `id` is
 * required. Errors: FILE_NOT_FOUND; FILE_INVALID, also for an account that is there twice; LIMIT_EXCEEDED.
 */
export async function readAccounts(path: string): Promise<readonly Account[]> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new BillhouseError("FILE_NOT_FOUND", `The list of accounts ${path} cannot be read.`, {
      hint: "Correct accounts in [focus], or remove it.",
      cause,
    });
  });
  const name = basename(path);
  const rows: { readonly cells: readonly string[]; readonly line: number }[] = [];
  let header: readonly string[] = [];
  const scanner = createCsvScanner(name, {
    header(names) {
      header = names.map((title) => title.trim().toLowerCase());
      return header.map((_, position) => position);
    },
    row(cells, line) {
      if (rows.length === mostAccounts) throw tooMany(name);
      rows.push({ cells: [...cells], line });
    },
  });
  scanner.write(bytes);
  scanner.end();
  return accountsOf(name, header, rows);
}

function accountsOf(
  name: string,
  header: readonly string[],
  rows: readonly { readonly cells: readonly string[]; readonly line: number }[],
): readonly Account[] {
  if (!header.includes("id")) {
    throw new BillhouseError("FILE_INVALID", `${name}, line 1: column id is missing.`, {
      hint: "Write a header such as id,name,owner,environment, separated by commas.",
    });
  }
  const seen = new Set<string>();
  return rows.map(({ cells, line }) => {
    const cell = (column: string): string | null => cells[header.indexOf(column)]?.trim() || null;
    const id = cell("id");
    if (id === null || seen.has(id.toLowerCase())) {
      const what = id === null ? "the id is missing" : `the account ${quoted(id)} is listed twice`;
      throw new BillhouseError("FILE_INVALID", `${name}, line ${line}: ${what}.`, {
        hint: "Give each account one line with its id.",
      });
    }
    seen.add(id.toLowerCase());
    return { id, name: cell("name"), owner: cell("owner"), environment: cell("environment") };
  });
}

function tooMany(name: string): BillhouseError {
  return new BillhouseError("LIMIT_EXCEEDED", `${name} has more than ${mostAccounts} accounts.`, {
    hint: "Keep the accounts whose names or owners matter.",
  });
}
